"""The catalog's part of storage's log: each change adds an entry in its own transaction.

After the commit, `Catalog` appends the new entries to the log, before anybody hears of the change. The catalog keeps
them until they are durable there, so the next process appends what a killed one could not, or a power failure took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from sqlalchemy import select

from grid_datastores.catalog import schema
from grid_datastores.catalog.facts import PLACE, Facts
from grid_datastores.catalog.rows import to_version
from grid_datastores.catalog.users import original_name
from grid_datastores.domain import log
from grid_datastores.domain.log import LogEntry
from grid_datastores.domain.model import User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from grid_datastores.domain.model import Version

_INSERT = "INSERT INTO log_entries (sequence, checksum, text) VALUES (?, ?, ?)"


class LogFile(Protocol):
    """What the catalog needs of storage's log."""

    def extend(self, entries_after: Callable[[LogEntry | None], Sequence[LogEntry]]) -> LogEntry | None:
        """Append the entries that follow the last one, and return the last entry."""

    def sync(self) -> None:
        """Make all entries durable."""


class Log:
    """The operations on the entries in one transaction. The log has all up to the number `logged` durably.

    The statements are plain SQL, because a deletion waits for them and SQLAlchemy takes longer than SQLite.
    """

    def __init__(self, connection: Connection, logged: int) -> None:
        self._connection = connection
        self._logged = logged
        self._last: LogEntry | None = None
        self.added: list[LogEntry] = []

    def last(self) -> LogEntry | None:
        """Return the newest entry, or None in a catalog without a log."""
        if self._last is None:
            self._last = next(iter(self._entries("ORDER BY sequence DESC LIMIT 1")), None)
        return self._last

    def first_sequence(self) -> int:
        """Return the number of the oldest entry that the catalog keeps, or 0."""
        return int(self._connection.exec_driver_sql("SELECT min(sequence) FROM log_entries").scalar() or 0)

    def since(self, sequence: int) -> list[LogEntry]:
        """Return the entries with this number or a higher one, sorted."""
        return self._entries("WHERE sequence >= ? ORDER BY sequence", sequence)

    def user(self, user: User) -> None:
        """Add that this user was added."""
        self._add(_user_record(user))

    def removed(self, user: User, at: datetime) -> None:
        """Add that this user was removed."""
        self._add(_removed_record(user.id, at))

    def version(self, version: Version) -> None:
        """Add that the version was created or has moved to another name."""
        self._add(_version_record(version))

    def finished(self, version_id: str, size: int, files: int, fingerprint: str, at: datetime) -> None:
        """Add that the version is available."""
        self._add(_finished_record(version_id, size, files, fingerprint, at))

    def deleted(self, version_ids: Sequence[str], by: str, at: datetime) -> None:
        """Add that this user deleted the versions."""
        if version_ids:
            self.begin()
            self._add_all([_deleted_record(version_id, by, at) for version_id in version_ids])

    def begin(self) -> None:
        """Add the first entries, with all users and versions, unless there are entries."""
        if self.last() is None:
            place_id = Facts(self._connection).get_or_put(PLACE, uuid4().hex)
            self._add_all([{log.CATALOG: place_id}, *self._snapshot()])

    def restart(self) -> list[LogEntry]:
        """Replace all entries by new first ones and return these."""
        self._connection.exec_driver_sql("DELETE FROM log_entries")
        self._last, self.added = None, []
        self.begin()
        return self.added

    def _snapshot(self) -> Iterator[Mapping[str, object]]:
        for user in self._connection.execute(select(schema.users)).all():
            yield _user_record(User(user.id, original_name(user)))
            if user.removed_at:
                yield _removed_record(user.id, user.removed_at)
        table = schema.versions
        for row in self._connection.execute(select(table).order_by(table.c.created_at)).all():
            version = to_version(row)
            yield _version_record(version)
            if version.finished_at:
                size, files = version.size_bytes, version.file_count
                yield _finished_record(version.id, size, files, version.fingerprint, version.finished_at)
            if version.deleted_at:
                yield _deleted_record(version.id, version.deleted_by, version.deleted_at)

    def _add(self, record: Mapping[str, object]) -> None:
        self.begin()
        self._add_all([record])

    def _add_all(self, records: Sequence[Mapping[str, object]]) -> None:
        entries = []
        for record in records:
            self._last = LogEntry.after(self.last(), record)
            entries.append(self._last)
        rows = [(entry.sequence, entry.checksum, entry.text) for entry in entries]
        self._connection.exec_driver_sql(_INSERT, rows)
        if not self.added and self._logged:
            self._connection.exec_driver_sql("DELETE FROM log_entries WHERE sequence < ?", (self._logged,))
        self.added += entries

    def _entries(self, condition: str, *values: object) -> list[LogEntry]:
        query = f"SELECT sequence, checksum, text FROM log_entries {condition}"  # noqa: S608 - not from a user
        return [LogEntry(*row) for row in self._connection.exec_driver_sql(query, values)]


def _user_record(user: User) -> dict[str, object]:
    return {log.USER: user.id, "name": user.name}


def _version_record(version: Version) -> dict[str, object]:
    return {
        log.VERSION: version.id,
        "owner_id": version.owner_id,
        "name": version.ref.name,
        "number": version.ref.number,
        "source_kind": version.source.kind.value,
        "source_location": version.source.location,
        "created_at": version.created_at.isoformat(),
    }


def _finished_record(version_id: str, size: int, files: int, fingerprint: str, at: datetime) -> dict[str, object]:
    return {log.FINISHED: version_id, "size": size, "files": files, "fingerprint": fingerprint, "at": at.isoformat()}


def _deleted_record(version_id: str, by: str, at: datetime) -> dict[str, object]:
    return {log.DELETED: version_id, "by": by, "at": at.isoformat()}


def _removed_record(user_id: str, at: datetime) -> dict[str, object]:
    return {log.REMOVED: user_id, "at": at.isoformat()}
