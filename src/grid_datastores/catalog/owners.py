"""Transfers everything that one user owns to another user, or deletes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, insert, literal, select, update

from grid_datastores.catalog import schema
from grid_datastores.catalog.rows import to_version
from grid_datastores.domain.model import EventKind, Phase, VersionRef, WorkloadKind, WorkloadState
from grid_datastores.domain.naming import unique_name

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from grid_datastores.catalog.log import Log
    from grid_datastores.domain.model import User


@dataclass(frozen=True, slots=True)
class MovedVersion:
    """A version that has a new owner and perhaps a new name. Its number stays the same."""

    version_id: str
    before: VersionRef
    after: VersionRef
    deleted: bool


class Owners:
    """The operations on owners in one transaction."""

    def __init__(self, connection: Connection, log: Log) -> None:
        self._connection = connection
        self._log = log

    def has_any(self, user: User) -> bool:
        """Return whether the user ever had a version, deleted or not."""
        query = select(exists().where(schema.versions.c.owner_id == user.id))
        return bool(self._connection.execute(query).scalar())

    def has_undeleted(self, user: User) -> bool:
        """Return whether the user has a version that is not deleted."""
        table = schema.versions
        mine = exists().where(table.c.owner_id == user.id, table.c.phase != Phase.DELETED.value)
        return bool(self._connection.execute(select(mine)).scalar())

    def has_run(self, user: User) -> bool:
        """Return whether a Run has ever mounted a version of the user that is not deleted."""
        table, mounts, workloads = schema.versions, schema.mounts, schema.workloads
        mounted = (mounts.c.version_id == table.c.id, mounts.c.workload_id == workloads.c.id)
        mine = (table.c.owner_id == user.id, table.c.phase != Phase.DELETED.value)
        runs = exists().where(*mine, *mounted, workloads.c.kind == WorkloadKind.RUN.value)
        return bool(self._connection.execute(select(runs)).scalar())

    def transfer(self, old_owner: User, new_owner: User) -> list[MovedVersion]:
        """Transfer all datastores, versions and workloads to the new owner.

        Return the moved versions, by name and number. If both users have a datastore or a live workload of the same
        name, the old owner's is renamed.
        """
        moved = self._transfer_versions(old_owner, new_owner)
        self._transfer_workloads(old_owner, new_owner)
        return moved

    def contents(self, user: User) -> set[tuple[str, int, int]]:
        """Return the id, size in bytes and number of files of each of the user's versions that is not deleted."""
        table = schema.versions
        mine = (table.c.owner_id == user.id, table.c.phase != Phase.DELETED.value)
        rows = self._connection.execute(select(table.c.id, table.c.size_bytes, table.c.file_count).where(*mine))
        return {(row.id, row.size_bytes, row.file_count) for row in rows}

    def delete_versions(self, user: User, by: str, at: datetime) -> bool:
        """Mark all the user's versions as deleted, as deleting each one would, and queue the removal of their bytes.

        Return whether this erased a URL that can contain a secret.
        """
        table, queue, events = schema.versions, schema.removals, schema.events
        mine = (table.c.owner_id == user.id, table.c.phase != Phase.DELETED.value)
        ids = list(self._connection.execute(select(table.c.id).where(*mine).order_by(table.c.created_at)).scalars())
        self._log.deleted(ids, by, at)
        queued = select(queue.c.version_id)
        waiting = select(table.c.id, literal(at, queue.c.queued_at.type)).where(*mine, table.c.id.not_in(queued))
        event = (literal(by), literal(EventKind.DELETED.value), literal(""), literal(at, events.c.at.type))
        secret = update(table).where(*mine, table.c.fetch_url.is_not(None)).values(fetch_url=None)
        erased = self._connection.execute(secret).rowcount > 0
        for statement in (
            insert(queue).from_select(["version_id", "queued_at"], waiting),
            insert(events).from_select(
                ["version_id", "actor", "kind", "message", "at"], select(table.c.id, *event).where(*mine)
            ),
            delete(schema.uploads).where(schema.uploads.c.version_id.in_(select(table.c.id).where(*mine))),
            update(table).where(*mine).values(phase=Phase.DELETED.value, deleted_at=at, deleted_by=by),
        ):
            self._connection.execute(statement)
        return erased

    def end_workloads(self, user: User, at: datetime) -> int:
        """End the user's Sessions and Runs, delete them from the lists, and return how many were live."""
        table = schema.workloads
        mine = (table.c.owner_id == user.id, table.c.state != WorkloadState.DELETED.value)
        live = table.c.state.in_([state.value for state in WorkloadState if state.live])
        count = len(self._connection.execute(select(table.c.id).where(*mine, live)).all())
        ended = {"state": WorkloadState.DELETED.value, "state_since": at}
        self._connection.execute(update(table).where(*mine).values(ended))
        return count

    def _transfer_versions(self, old_owner: User, new_owner: User) -> list[MovedVersion]:
        table = schema.datastores
        taken = set(self._connection.execute(select(table.c.name).where(table.c.owner_id == new_owner.id)).scalars())
        rows = self._connection.execute(
            select(table).where(table.c.owner_id == old_owner.id).order_by(table.c.name)
        ).all()
        moved: list[MovedVersion] = []
        for row in rows:
            name = unique_name(row.name, old_owner.name, taken | {other.name for other in rows if other is not row})
            taken.add(name)
            self._connection.execute(update(table).where(table.c.id == row.id).values(owner_id=new_owner.id, name=name))
            moved += self._rename(row.id, new_owner, name)
        return moved

    def _rename(self, datastore_id: str, new_owner: User, name: str) -> list[MovedVersion]:
        table = schema.versions
        mine = table.c.datastore_id == datastore_id
        rows = self._connection.execute(select(table).where(mine).order_by(table.c.number)).all()
        self._connection.execute(update(table).where(mine).values(owner_id=new_owner.id, name=name))
        for row in self._connection.execute(select(table).where(mine).order_by(table.c.number)):
            self._log.version(to_version(row))
        return [
            MovedVersion(
                row.id,
                VersionRef(row.name, row.number),
                VersionRef(name, row.number),
                row.phase == Phase.DELETED.value,
            )
            for row in rows
        ]

    def _transfer_workloads(self, old_owner: User, new_owner: User) -> None:
        table = schema.workloads
        live = table.c.state.in_([state.value for state in WorkloadState if state.live])
        for row in self._connection.execute(select(table).where(table.c.owner_id == old_owner.id, live)).all():
            same_kind = (table.c.owner_id == new_owner.id, table.c.kind == row.kind, live)
            taken = set(self._connection.execute(select(table.c.name).where(*same_kind)).scalars())
            name = unique_name(row.name, old_owner.name, taken)
            self._connection.execute(update(table).where(table.c.id == row.id).values(owner_id=new_owner.id, name=name))
        self._connection.execute(update(table).where(table.c.owner_id == old_owner.id).values(owner_id=new_owner.id))
