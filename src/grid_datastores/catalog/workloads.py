"""Sessions and Runs, and their mounts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, func, insert, or_, select, text, true, tuple_, update

from grid_datastores.catalog import schema
from grid_datastores.domain.model import Holder, Mount, VersionRef, Workload, WorkloadKind, WorkloadState

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row, Select

    from grid_datastores.domain.lists import Window

_LIVE_AND_NEWEST = (text(f"{schema.LIVE} DESC"), schema.workloads.c.created_at.desc())


class Workloads:
    """The operations on workloads in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, workload: Workload) -> None:
        """Add a workload with its mounts. The caller must have locked the versions."""
        self._connection.execute(
            insert(schema.workloads).values(
                id=workload.id,
                kind=workload.kind.value,
                owner_id=workload.owner_id,
                name=workload.name,
                state=workload.state.value,
                state_since=workload.state_since,
                created_at=workload.created_at,
                lease_until=workload.lease_until,
                lease_seconds=workload.lease_seconds,
            )
        )
        for mount in workload.mounts:
            row = {"workload_id": workload.id, "version_id": mount.version_id, "path": mount.path}
            self._connection.execute(insert(schema.mounts).values(row))

    def get(self, workload_id: str) -> Workload | None:
        """Return the workload with this id, or None."""
        found = self._all(select(schema.workloads).where(schema.workloads.c.id == workload_id))
        return found[0] if found else None

    def of_owner(
        self, owner_id: str, kind: WorkloadKind, *, after: Workload | None = None, count: int = -1, live: bool = False
    ) -> list[Workload]:
        """Return the owner's workloads of this kind that are not deleted, oldest first: at most `count` (-1: all).

        They begin `after` this one, if it is given. With `live`, only those are listed that have not ended.
        """
        table = schema.workloads.c
        query = _listed(owner_id, kind).order_by(table.created_at, table.id).limit(count)
        if after:
            query = query.where(tuple_(table.created_at, table.id) > tuple_(after.created_at, after.id))
        return self._all(query.where(text(f"{schema.LIVE} = 1")) if live else query)

    def newest(self, owner_id: str, kind: WorkloadKind, window: Window) -> list[Workload]:
        """Return the owner's workloads of this kind that are not deleted: the live ones, then the others.

        Each begin with the newest.
        """
        query = _listed(owner_id, kind).order_by(*_LIVE_AND_NEWEST, schema.workloads.c.id.desc())
        return self._all(query.offset(window.start).limit(window.size))

    def before(self, workload: Workload) -> int:
        """Return how many workloads come before this one in the list of the newest."""
        table, live = schema.workloads.c, text(schema.LIVE)
        newer = tuple_(table.created_at, table.id) > tuple_(workload.created_at, workload.id)
        earlier = and_(live, newer) if workload.state.live else or_(live, newer)
        query = _listed(workload.owner_id, workload.kind).where(earlier).with_only_columns(func.count())
        return int(self._connection.execute(query).scalar_one())

    def count(self, owner_id: str, kind: WorkloadKind) -> int:
        """Return how many workloads of this kind are not deleted. Reads an index, and no row."""
        query = _listed(owner_id, kind).with_only_columns(func.count())
        return int(self._connection.execute(query).scalar_one())

    def named(self, owner_id: str, kind: WorkloadKind, name: str) -> Workload | None:
        """Return the owner's workload of this name: the live one if there are several, else the newest."""
        query = _listed(owner_id, kind).where(schema.workloads.c.name == name).order_by(*_LIVE_AND_NEWEST).limit(1)
        found = self._all(query)
        return found[0] if found else None

    def holders(self, version_id: str, now: datetime) -> list[Holder]:
        """Return the workloads that hold this version now, oldest first. Enforces in-use-this-version."""
        if not self._ever_mounted(version_id):
            return []
        table, mounts = schema.workloads, schema.mounts
        mounting = exists().where(mounts.c.workload_id == table.c.id, mounts.c.version_id == version_id)
        query = select(table).where(holding(now), mounting).order_by(table.c.created_at, table.c.id)
        return [_holder(row) for row in self._connection.execute(query)]

    def holders_by_version(
        self, owner_id: str, version_ids: Collection[str] | None, now: datetime
    ) -> dict[str, tuple[Holder, ...]]:
        """Return the owner's workloads that hold these versions now (None: any), oldest first, by version id."""
        table, mounts = schema.workloads, schema.mounts
        query = (
            select(table, mounts.c.version_id)
            .join(mounts, mounts.c.workload_id == table.c.id)
            .where(table.c.owner_id == owner_id, table.c.kind.in_([kind.value for kind in WorkloadKind]))
            .where(holding(now), true() if version_ids is None else mounts.c.version_id.in_(version_ids))
            .order_by(table.c.created_at, table.c.id)
        )
        found: dict[str, tuple[Holder, ...]] = {}
        for row in self._connection.execute(query):
            found[row.version_id] = (*found.get(row.version_id, ()), _holder(row))
        return found

    def holds_name(self, owner_id: str, kind: WorkloadKind, name: str, now: datetime) -> bool:
        """Return whether a workload of this name holds its versions now."""
        table = schema.workloads
        of_name = (table.c.owner_id == owner_id, table.c.kind == kind.value, table.c.name == name)
        return bool(self._connection.execute(select(exists().where(*of_name, holding(now)))).scalar())

    def has_run(self, version_id: str) -> bool:
        """Return whether a Run has ever mounted the version."""
        if not self._ever_mounted(version_id):
            return False
        table, mounts = schema.workloads, schema.mounts
        mounting = mounts.c.version_id == version_id, mounts.c.workload_id == table.c.id
        runs = exists().where(*mounting, table.c.kind == WorkloadKind.RUN.value)
        return bool(self._connection.execute(select(runs)).scalar())

    def _ever_mounted(self, version_id: str) -> bool:
        query = "SELECT 1 FROM mounts WHERE version_id = ? LIMIT 1"
        return self._connection.exec_driver_sql(query, (version_id,)).scalar() is not None

    def set_state(self, workload_id: str, state: WorkloadState, at: datetime) -> None:
        """Set the workload's state, with the time of the change."""
        table = schema.workloads
        query = update(table).where(table.c.id == workload_id).values(state=state.value, state_since=at)
        self._connection.execute(query)

    def renew_lease(self, workload_id: str, seconds: int, now: datetime) -> None:
        """Give the workload a lease of this length that starts now."""
        table = schema.workloads
        lease = {"lease_until": now + timedelta(seconds=seconds), "lease_seconds": seconds}
        self._connection.execute(update(table).where(table.c.id == workload_id).values(lease))

    def end_lease(self, workload_id: str) -> None:
        """Take the lease of a workload that has ended, so that no heartbeat revives it. It keeps its length."""
        table = schema.workloads
        self._connection.execute(update(table).where(table.c.id == workload_id).values(lease_until=None))

    def renew_leases(self, now: datetime) -> None:
        """Restart the lease of every running workload that has one. Each keeps its length."""
        for workload_id, _until, seconds in self._leased():
            self.renew_lease(workload_id, seconds, now)

    def has_overlong_lease(self, now: datetime) -> bool:
        """Return whether a running workload's lease ends later than a lease that starts now."""
        return any(until > now + timedelta(seconds=seconds) for _id, until, seconds in self._leased())

    def shorten_leases(self, now: datetime) -> None:
        """Shorten every lease that ends later than a lease that starts now. Each keeps its length."""
        for workload_id, until, seconds in self._leased():
            if until > now + timedelta(seconds=seconds):
                self.renew_lease(workload_id, seconds, now)

    def _leased(self) -> list[tuple[str, datetime, int]]:
        """Return the running workloads with a lease: their id, its end, and its length in seconds.

        An older release on the same catalog stores no length. Its leases are not returned.
        """
        table = schema.workloads
        query = select(table.c.id, table.c.lease_until, table.c.lease_seconds).where(
            table.c.state == WorkloadState.RUNNING.value,
            table.c.lease_until.is_not(None),
            table.c.lease_seconds.is_not(None),
        )
        return [(row.id, row.lease_until, row.lease_seconds) for row in self._connection.execute(query)]

    def with_expired_lease(self, now: datetime) -> list[Workload]:
        """Return the running workloads whose lease has expired."""
        table = schema.workloads
        expired = table.c.state == WorkloadState.RUNNING.value, table.c.lease_until <= now
        return self._all(select(table).where(*expired).order_by(table.c.created_at, table.c.id))

    def _all(self, query: Select[tuple[object, ...]]) -> list[Workload]:
        rows = self._connection.execute(query).all()
        mounts = self._mounts(query)
        return [
            Workload(
                id=row.id,
                kind=WorkloadKind(row.kind),
                owner_id=row.owner_id,
                name=row.name,
                state=WorkloadState(row.state),
                state_since=row.state_since,
                created_at=row.created_at,
                mounts=tuple(mounts.get(row.id, ())),
                lease_until=row.lease_until,
                lease_seconds=row.lease_seconds,
            )
            for row in rows
        ]

    def _mounts(self, workloads: Select[tuple[object, ...]]) -> dict[str, list[Mount]]:
        """Return the mounts of the workloads that this query finds, by workload id."""
        mounts, versions = schema.mounts, schema.versions
        query = (
            select(mounts, versions.c.name, versions.c.number)
            .join(versions, versions.c.id == mounts.c.version_id)
            .where(mounts.c.workload_id.in_(workloads.with_only_columns(schema.workloads.c.id)))
            .order_by(versions.c.name, versions.c.number)
        )
        found: dict[str, list[Mount]] = {}
        for row in self._connection.execute(query):
            mount = Mount(row.version_id, VersionRef(row.name, row.number), row.path)
            found.setdefault(row.workload_id, []).append(mount)
        return found


def _listed(owner_id: str, kind: WorkloadKind) -> Select[tuple[object, ...]]:
    """Return the query of the owner's workloads of this kind that are not deleted (rule private-to-owner)."""
    table = schema.workloads
    return select(table).where(table.c.owner_id == owner_id, table.c.kind == kind.value, schema.LISTED)


def _holder(row: Row[tuple[object, ...]]) -> Holder:
    return Holder(WorkloadKind(row.kind), row.id, row.name, WorkloadState(row.state), row.state_since)


def holding(now: datetime) -> ColumnElement[bool]:
    """Return `rules.holds` as an SQL condition. A test checks that both agree. Enforces in-use-dead-holder."""
    table = schema.workloads
    live = table.c.state.in_([state.value for state in WorkloadState if state.live])
    return live & (table.c.lease_until.is_(None) | (table.c.lease_until > now))
