"""The catalog's part of storage's log: each change adds an entry in its own transaction.

After the commit, `Catalog` appends the new entries to the log, before anybody hears of the change. The catalog keeps
them until a later transaction, so the next process appends what a killed one could not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from sqlalchemy import delete, insert, select

from grid_datastores.catalog import schema
from grid_datastores.catalog.facts import PLACE, Facts
from grid_datastores.domain import log
from grid_datastores.domain.log import LogEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from grid_datastores.domain.model import User

# The columns of a version that its record has.
_VERSION_COLUMNS = ("owner_id", "name", "number", "source_kind", "source_location")


class LogFile(Protocol):
    """What the catalog needs of storage's log."""

    def extend(self, entries_after: Callable[[LogEntry | None], Sequence[LogEntry]]) -> LogEntry | None:
        """Append the entries that follow the last one, durably, and return the last entry."""


class Log:
    """The operations on the entries in one transaction. `logged` is the number of an entry that the log has."""

    def __init__(self, connection: Connection, logged: int) -> None:
        self._connection = connection
        self._logged = logged
        self._last: LogEntry | None = None
        self.changed = False

    def last(self) -> LogEntry | None:
        """Return the newest entry, or None in a catalog without a log."""
        if self._last is None:
            table = schema.log_entries
            row = self._connection.execute(select(table).order_by(table.c.sequence.desc()).limit(1)).one_or_none()
            self._last = _entry(row) if row else None
        return self._last

    def since(self, sequence: int) -> list[LogEntry]:
        """Return the entries with this number or a higher one, sorted."""
        table = schema.log_entries
        rows = self._connection.execute(select(table).where(table.c.sequence >= sequence).order_by(table.c.sequence))
        return [_entry(row) for row in rows]

    def user(self, user: User) -> None:
        """Add that this user was added."""
        self._add({log.USER: user.id, "name": user.name})

    def versions(self, *version_ids: str) -> None:
        """Add that these versions were created or have moved to another name."""
        table = schema.versions
        for row in self._connection.execute(select(table).where(table.c.id.in_(version_ids))).all():
            self._add(_version_record(row))

    def finished(self, version_id: str) -> None:
        """Add that the version is available."""
        row = self._connection.execute(select(schema.versions).where(schema.versions.c.id == version_id)).one()
        self._add(_finished_record(row))

    def deleted(self, version_id: str, by: str, at: datetime) -> None:
        """Add that this user deleted the version."""
        self._add(_deleted_record(version_id, by, at))

    def begin(self) -> None:
        """Add the first entries, with all users and versions, unless there are entries."""
        if self.last() is None:
            place_id = Facts(self._connection).get_or_put(PLACE, uuid4().hex)
            self._add_all([{log.CATALOG: place_id}, *self._snapshot()])

    def restart(self) -> list[LogEntry]:
        """Replace all entries by new first ones and return these."""
        self._connection.execute(delete(schema.log_entries))
        self._last = None
        self.begin()
        return self.since(0)

    def _snapshot(self) -> Iterator[Mapping[str, object]]:
        for user in self._connection.execute(select(schema.users)).all():
            yield {log.USER: user.id, "name": user.name}
        table = schema.versions
        for row in self._connection.execute(select(table).order_by(table.c.created_at)).all():
            yield _version_record(row)
            if row.finished_at:
                yield _finished_record(row)
            if row.deleted_at:
                yield _deleted_record(row.id, row.deleted_by, row.deleted_at)

    def _add(self, record: Mapping[str, object]) -> None:
        self.begin()
        self._add_all([record])

    def _add_all(self, records: Sequence[Mapping[str, object]]) -> None:
        entries: list[LogEntry] = []
        last = self.last()
        for record in records:
            last = LogEntry.after(last, record)
            entries.append(last)
        self._connection.execute(insert(schema.log_entries), [_row(entry) for entry in entries])
        if not self.changed:
            logged = schema.log_entries.c.sequence < self._logged
            self._connection.execute(delete(schema.log_entries).where(logged))
        self._last, self.changed = last, True


def _version_record(row: Row[tuple[object, ...]]) -> dict[str, object]:
    columns = {name: getattr(row, name) for name in _VERSION_COLUMNS}
    return {log.VERSION: row.id, **columns, "created_at": row.created_at.isoformat()}


def _finished_record(row: Row[tuple[object, ...]]) -> dict[str, object]:
    values = {"size": row.size_bytes, "files": row.file_count, "fingerprint": row.fingerprint}
    return {log.FINISHED: row.id, **values, "at": row.finished_at.isoformat()}


def _deleted_record(version_id: str, by: str, at: datetime) -> dict[str, object]:
    return {log.DELETED: version_id, "by": by, "at": at.isoformat()}


def _entry(row: Row[tuple[object, ...]]) -> LogEntry:
    return LogEntry(row.sequence, row.checksum, row.text)


def _row(entry: LogEntry) -> dict[str, object]:
    return {"sequence": entry.sequence, "checksum": entry.checksum, "text": entry.text}
