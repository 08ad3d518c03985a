"""Versions, their uploads, their history, and the removal's queue."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import case, delete, func, insert, select, update

from grid_datastores.catalog import schema
from grid_datastores.catalog.rows import named_version, one_version, stored_time, to_version
from grid_datastores.catalog.workloads import holding
from grid_datastores.domain.errors import Immutable, NotFound
from grid_datastores.domain.model import (
    Event,
    EventKind,
    Phase,
    Source,
    SourceKind,
    Upload,
    Version,
    VersionRef,
)
from grid_datastores.domain.rules import next_number, phases_before

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Connection, Row, Select, TextClause

    from grid_datastores.catalog.log import Log

MAX_REFRESHES = 4  # of an upload's activity per expiry period
_UNFINISHED = [phase.value for phase in Phase if phase.unfinished]


class Versions:
    """The operations on versions in one transaction."""

    def __init__(self, connection: Connection, log: Log) -> None:
        self._connection = connection
        self._log = log
        self.erased_secret = False  # whether this transaction has erased a URL that can contain a secret

    def create(
        self,
        owner_id: str,
        name: str,
        source: Source,
        at: datetime,
        *,
        active_at: datetime,
        expiry_seconds: int,
        fetch_url: str | None = None,
        version_id: str = "",
    ) -> Version:
        """Create a version under the name, with the next number and a new id, unless `version_id` is given.

        The caller must have locked the owner.

        While unfinished, it expires after `expiry_seconds` without activity, by the clock of `active_at`. `fetch_url`
        is the URL to fetch from, if it differs from the shown location.
        """
        datastore_id, number = self._take_number(owner_id, name)
        version = Version(version_id or uuid4().hex, owner_id, VersionRef(name, number), source, Phase.UPLOADING, at)
        self._connection.execute(
            insert(schema.versions).values(
                id=version.id,
                owner_id=owner_id,
                datastore_id=datastore_id,
                name=name,
                number=number,
                source_kind=source.kind.value,
                source_location=source.location,
                fetch_url=fetch_url,
                phase=version.phase.value,
                created_at=at,
                active_at=active_at,
                expiry_seconds=expiry_seconds,
            )
        )
        self._log.version(version)
        return version

    def next_ref(self, owner_id: str, name: str) -> VersionRef:
        """Return the number that the next version under the name gets, unless another one is created before."""
        table = schema.datastores
        query = select(table.c.last_number).where(table.c.owner_id == owner_id, table.c.name == name)
        return VersionRef(name, next_number(self._connection.execute(query).scalar_one_or_none() or 0))

    def _take_number(self, owner_id: str, name: str) -> tuple[str, int]:
        table = schema.datastores
        query = select(table).where(table.c.owner_id == owner_id, table.c.name == name)
        row = self._connection.execute(query).one_or_none()
        number = next_number(row.last_number if row else 0)
        if row:
            self._connection.execute(update(table).where(table.c.id == row.id).values(last_number=number))
            return row.id, number
        datastore_id = uuid4().hex
        values = {"id": datastore_id, "owner_id": owner_id, "name": name, "last_number": number}
        self._connection.execute(insert(table).values(values))
        return datastore_id, number

    def get(self, version_id: str, *, lock: bool = False) -> Version | None:  # noqa: ARG002 - SQLite has one writer
        """Return the version with this id, or None.

        With `lock`, no other transaction can delete or mount it until this one ends.
        """
        return one_version(self._connection, "WHERE id = ?", version_id)

    def find(self, owner_id: str, ref: VersionRef) -> Version | None:
        """Return the owner's version of this name and number, deleted or not, or None. Enforces private-to-owner."""
        return named_version(self._connection, owner_id, ref)

    def of_owner(self, owner_id: str) -> list[Version]:
        """Return the owner's versions that are not deleted, sorted by name and number."""
        table = schema.versions
        return self._all(
            select(table)
            .where(table.c.owner_id == owner_id, table.c.phase != Phase.DELETED.value)
            .order_by(table.c.name, table.c.number)
        )

    def undeleted(self, owner_id: str, version_ids: Collection[str]) -> set[str]:
        """Return the ids whose versions belong to the owner and are not deleted."""
        table = schema.versions
        mine = (table.c.owner_id == owner_id, table.c.phase != Phase.DELETED.value, table.c.id.in_(version_ids))
        return set(self._connection.execute(select(table.c.id).where(*mine)).scalars())

    def numbers(self, owner_id: str, name: str, count: int) -> tuple[list[int], int]:
        """Return the newest numbers of the owner's versions of this name that are not deleted, at most `count`.

        They are sorted. The second value is how many versions there are.
        """
        table, datastores = schema.versions.c, schema.datastores.c
        mine = (table.owner_id == owner_id, table.name == name, schema.UNDELETED)
        newest = select(table.number).where(*mine).order_by(table.number.desc()).limit(count)
        total = select(datastores.version_count + datastores.failed_count)
        total = total.where(datastores.owner_id == owner_id, datastores.name == name)
        return sorted(self._connection.execute(newest).scalars()), self._connection.execute(total).scalar() or 0

    def counted(self, owner_id: str) -> int:
        """Return how many of the owner's versions count against the quota."""
        query = "SELECT version_count FROM users WHERE id = ?"
        return int(self._connection.exec_driver_sql(query, (owner_id,)).scalar_one())

    def unused_longest(self, owner_id: str, now: datetime, *, limit: int, skip: int = 0) -> list[Version]:
        """Return the owner's versions that count against the quota and are not in use, unused longest first.

        They are at most `limit`, after the first `skip`. A version that was never used counts from its creation.
        """
        table = schema.versions
        order = func.coalesce(table.c.last_used_at, table.c.created_at), table.c.name, table.c.number
        page = select(table.c.id).where(*_unused(owner_id, now)).order_by(*order).limit(limit).offset(skip)
        return self._all(select(table).where(table.c.id.in_(page)).order_by(*order))

    def unused_total(self, owner_id: str, now: datetime) -> tuple[int, int]:
        """Return how many versions `unused_longest` has in all, and how many bytes they take in storage.

        A reference takes none: its objects stay in the bucket.
        """
        table = schema.versions
        stored = case((table.c.source_kind == SourceKind.REFERENCE.value, 0), else_=table.c.size_bytes)
        query = select(func.count(), func.coalesce(func.sum(stored), 0)).where(*_unused(owner_id, now))
        count, size = self._connection.execute(query).one()
        return count, int(size)

    def fetch_url(self, version_id: str) -> str | None:
        """Return the URL to fetch the version from. It can contain secrets and is never shown."""
        table = schema.versions
        return self._connection.execute(select(table.c.fetch_url).where(table.c.id == version_id)).scalar_one_or_none()

    def close(self, version: Version, at: datetime) -> None:
        """Accept no more data from a client: all of it is uploaded, or the service fetches it."""
        phase = Phase.FETCHING if version.source.kind.is_fetched else Phase.OPTIMIZING
        self._change_phase(version.id, phase, active_at=at)

    def fail(self, version_id: str, why: str, at: datetime) -> None:
        """Mark the version as failed and queue the removal of its bytes."""
        self._erase_fetch_url(version_id)
        self._change_phase(version_id, Phase.FAILED, message=why)
        self.queue_removal(version_id, at)

    def finish(
        self, version_id: str, *, size: int, files: int, fingerprint: str, at: datetime, manifest_sha256: str = ""
    ) -> None:
        """Mark the version as available, with `size` bytes in `files` files."""
        self._erase_fetch_url(version_id)
        self._change_phase(
            version_id,
            Phase.AVAILABLE,
            message="",
            finished_at=at,
            size_bytes=size,
            file_count=files,
            fingerprint=fingerprint,
            manifest_sha256=manifest_sha256,
        )
        self._log.finished(version_id, size, files, fingerprint, at)
        self._connection.execute(delete(schema.uploads).where(schema.uploads.c.version_id == version_id))

    def mark_deleted(self, version_id: str, by: str, at: datetime) -> None:
        """Mark the version as deleted by this user ("" for an abandoned upload) and queue the removal of its bytes."""
        self._erase_fetch_url(version_id)
        self._change_phase(version_id, Phase.DELETED, deleted_at=at, deleted_by=by)
        self._log.deleted([version_id], by, at)
        self.queue_removal(version_id, at)

    def mark_used(self, version_id: str, by: str, at: datetime) -> None:
        """Record that this workload mounted the version."""
        self._set(version_id, last_used_at=at, last_used_by=by)

    def queue_removal(self, version_id: str, at: datetime) -> None:
        """Queue the removal of the version's bytes. Idempotent."""
        queue = "INSERT OR IGNORE INTO removals (version_id, queued_at) VALUES (?, ?)"
        self._connection.exec_driver_sql(queue, (version_id, stored_time(at)))
        self._connection.exec_driver_sql("DELETE FROM uploads WHERE version_id = ?", (version_id,))

    def has_queued_removals(self) -> bool:
        """Return whether there are versions whose bytes must still be erased."""
        return bool(self._connection.exec_driver_sql("SELECT EXISTS (SELECT 1 FROM removals)").scalar())

    def queued_removals(self) -> list[Version]:
        """Return the versions whose bytes must still be erased, oldest first."""
        table, queue = schema.versions, schema.removals
        return self._all(select(table).join(queue, queue.c.version_id == table.c.id).order_by(queue.c.queued_at))

    def expired(self, now: datetime) -> list[Version]:
        """Return all users' uploads and fetches that were inactive for longer than their expiry.

        A complete upload never expires: a later server finishes it.
        """
        table = schema.versions
        phases = [Phase.UPLOADING.value, Phase.FETCHING.value]
        rows = self._connection.execute(select(table).where(table.c.phase.in_(phases))).all()
        return [to_version(row) for row in rows if now - row.active_at > timedelta(seconds=row.expiry_seconds)]

    def has_expired(self, version_id: str, now: datetime) -> bool:
        """Return whether this upload was inactive for longer than its expiry."""
        return now - self.active_at(version_id) > self.expiry(version_id)

    def expiry(self, version_id: str) -> timedelta:
        """Return how long this version may be inactive while it is unfinished."""
        table = schema.versions
        query = select(table.c.expiry_seconds).where(table.c.id == version_id)
        return timedelta(seconds=self._connection.execute(query).scalar_one())

    def mark_active(self, version_id: str, at: datetime) -> None:
        """Record activity of the upload or fetch. Refreshed at most four times per expiry period."""
        since = abs(at - self.active_at(version_id))  # abs: an older catalog may have a time of the future
        if since >= self.expiry(version_id) / MAX_REFRESHES:
            self._set(version_id, active_at=at)

    def active_at(self, version_id: str) -> datetime:
        """Return when the version was last marked as active."""
        table = schema.versions
        active_at: datetime = self._connection.execute(
            select(table.c.active_at).where(table.c.id == version_id)
        ).scalar_one()
        return active_at

    def mark_all_active(self, at: datetime) -> None:
        """Restart the expiry of every unfinished version."""
        table = schema.versions
        self._connection.execute(update(table).where(table.c.phase.in_(_UNFINISHED)).values(active_at=at))

    def in_phase(self, phase: Phase) -> list[Version]:
        """Return all users' versions in this phase, oldest first."""
        table = schema.versions
        return self._all(select(table).where(table.c.phase == phase.value).order_by(table.c.created_at))

    def mark_bytes_gone(self, version_ids: Sequence[str], at: datetime) -> list[str]:
        """Record that the bytes of these versions are erased. Return those of which that was not recorded before."""
        table, queue = schema.versions, schema.removals
        self._connection.execute(delete(queue).where(queue.c.version_id.in_(version_ids)))
        unrecorded = select(table.c.id).where(table.c.id.in_(version_ids), table.c.bytes_gone_at.is_(None))
        fresh = list(self._connection.execute(unrecorded).scalars())
        self._connection.execute(update(table).where(table.c.id.in_(fresh)).values(bytes_gone_at=at))
        return fresh

    def open_uploads(self, version_id: str, keys: dict[str, int], expires_at: datetime) -> list[Upload]:
        """Return the uploads of these keys, in order. `keys` maps each key to its number of parts.

        An upload that exists already stays as it is, but an incomplete one accepts parts for longer.
        """
        waiting = update(schema.uploads).where(
            schema.uploads.c.version_id == version_id, schema.uploads.c.completed == 0
        )
        self._connection.execute(waiting.where(schema.uploads.c.key.in_(keys)).values(expires_at=expires_at))
        known = {upload.key: upload for upload in self.uploads(version_id)}
        fresh = [
            Upload(uuid4().hex, version_id, key, parts, expires_at, completed=False)
            for key, parts in keys.items()
            if key not in known
        ]
        if fresh:
            self._connection.execute(insert(schema.uploads), [_upload_row(upload) for upload in fresh])
        known.update((upload.key, upload) for upload in fresh)
        return [known[key] for key in keys]

    def uploads(self, version_id: str) -> list[Upload]:
        """Return all uploads into the version, sorted by key."""
        table = schema.uploads
        query = select(table).where(table.c.version_id == version_id).order_by(table.c.key)
        return [_upload(row) for row in self._connection.execute(query)]

    def upload(self, upload_id: str) -> Upload | None:
        """Return the upload with this id, or None."""
        query = select(schema.uploads).where(schema.uploads.c.id == upload_id)
        row = self._connection.execute(query).one_or_none()
        return _upload(row) if row else None

    def complete_uploads(self, upload_ids: Sequence[str]) -> None:
        """Mark these uploads as complete."""
        table = schema.uploads
        query = update(table).where(table.c.id.in_(upload_ids)).values(completed=1)
        self._connection.execute(query)

    def record(self, version_id: str, kind: EventKind, actor: str, message: str, at: datetime) -> None:
        """Add an event to the version's history."""
        insertion = "INSERT INTO events (version_id, kind, actor, message, at) VALUES (?, ?, ?, ?, ?)"
        self._connection.exec_driver_sql(insertion, (version_id, kind.value, actor, message, stored_time(at)))

    def history(self, version_id: str) -> list[Event]:
        """Return the version's events, oldest first."""
        table = schema.events
        query = select(table).where(table.c.version_id == version_id).order_by(table.c.id)
        return [
            Event(row.id, row.at, row.actor, EventKind(row.kind), row.message)
            for row in self._connection.execute(query)
        ]

    def _change_phase(self, version_id: str, phase: Phase, **values: object) -> None:
        """Change the phase, if the version's phase allows this (see `NEXT_PHASES`). Otherwise raise `Immutable`."""
        starts = [start.value for start in phases_before(phase)]
        given = {"phase": phase.value, **values}
        changes = ", ".join(f"{name} = ?" for name in given)
        update = f"UPDATE versions SET {changes} WHERE id = ? AND phase IN ({', '.join('?' * len(starts))})"  # noqa: S608
        stored = [stored_time(value) if isinstance(value, datetime) else value for value in given.values()]
        if not self._connection.exec_driver_sql(update, (*stored, version_id, *starts)).rowcount:
            version = self.get(version_id)
            raise Immutable.of(version.ref, version.phase) if version else NotFound.id("version", version_id)

    def _erase_fetch_url(self, version_id: str) -> None:
        erasure = "UPDATE versions SET fetch_url = NULL WHERE id = ? AND fetch_url IS NOT NULL"
        if self._connection.exec_driver_sql(erasure, (version_id,)).rowcount:
            self.erased_secret = True

    def _set(self, version_id: str, **values: object) -> None:
        table = schema.versions
        self._connection.execute(update(table).where(table.c.id == version_id).values(values))

    def _all(self, query: Select[tuple[object, ...]]) -> list[Version]:
        return [to_version(row) for row in self._connection.execute(query)]


def _unused(owner_id: str, now: datetime) -> tuple[ColumnElement[bool] | TextClause, ...]:
    """Return the conditions for the owner's versions that count against the quota and that no workload holds."""
    table, mounts, workloads = schema.versions, schema.mounts, schema.workloads
    held = select(mounts.c.version_id).join(workloads, workloads.c.id == mounts.c.workload_id).where(holding(now))
    return table.c.owner_id == owner_id, schema.CURRENT, table.c.id.not_in(held)


def _upload(row: Row[tuple[object, ...]]) -> Upload:
    return Upload(row.id, row.version_id, row.key, row.parts, row.expires_at, bool(row.completed))


def _upload_row(upload: Upload) -> dict[str, object]:
    return {
        "id": upload.id,
        "version_id": upload.version_id,
        "key": upload.key,
        "parts": upload.parts,
        "expires_at": upload.expires_at,
        "completed": int(upload.completed),
    }
