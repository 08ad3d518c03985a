"""Changing the owner of everything that one user has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import exists, select, update

from grid_datastores.catalog import schema
from grid_datastores.domain.model import Phase, VersionRef, WorkloadState
from grid_datastores.domain.naming import name_apart

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from grid_datastores.domain.model import User


@dataclass(frozen=True, slots=True)
class Moved:
    """A version that has another owner now, and perhaps another name; its number stays."""

    version_id: str
    before: VersionRef
    after: VersionRef
    deleted: bool


class Owners:
    """The part of one transaction that changes owners."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def has_any(self, user: User) -> bool:
        """Whether the user ever had a version, deleted or not."""
        query = select(exists().where(schema.versions.c.owner_id == user.id))
        return bool(self._connection.execute(query).scalar())

    def has_some_left(self, user: User) -> bool:
        """Whether the user has a version that is not deleted."""
        table = schema.versions
        mine = exists().where(table.c.owner_id == user.id, table.c.phase != Phase.DELETED.value)
        return bool(self._connection.execute(select(mine)).scalar())

    def give(self, giver: User, taker: User) -> list[Moved]:
        """All datastores, versions and workloads of one user belong to another; what moved, by name and number.

        A name that both use is kept apart: the giver's datastore, or live workload, is renamed.
        """
        moved = self._give_versions(giver, taker)
        self._give_workloads(giver, taker)
        return moved

    def _give_versions(self, giver: User, taker: User) -> list[Moved]:
        table = schema.datastores
        taken = set(self._connection.execute(select(table.c.name).where(table.c.owner_id == taker.id)).scalars())
        given = self._connection.execute(select(table).where(table.c.owner_id == giver.id).order_by(table.c.name)).all()
        moved: list[Moved] = []
        for row in given:
            name = name_apart(row.name, giver.name, taken | {other.name for other in given if other is not row})
            taken.add(name)
            self._connection.execute(update(table).where(table.c.id == row.id).values(owner_id=taker.id, name=name))
            moved += self._rename(row.id, taker, name)
        return moved

    def _rename(self, datastore_id: str, taker: User, name: str) -> list[Moved]:
        table = schema.versions
        mine = table.c.datastore_id == datastore_id
        rows = self._connection.execute(select(table).where(mine).order_by(table.c.number)).all()
        self._connection.execute(update(table).where(mine).values(owner_id=taker.id, name=name))
        return [
            Moved(
                row.id,
                VersionRef(row.name, row.number),
                VersionRef(name, row.number),
                row.phase == Phase.DELETED.value,
            )
            for row in rows
        ]

    def _give_workloads(self, giver: User, taker: User) -> None:
        table = schema.workloads
        live = table.c.state.in_([state.value for state in WorkloadState if state.live])
        for row in self._connection.execute(select(table).where(table.c.owner_id == giver.id, live)).all():
            same_kind = (table.c.owner_id == taker.id, table.c.kind == row.kind, live)
            taken = set(self._connection.execute(select(table.c.name).where(*same_kind)).scalars())
            name = name_apart(row.name, giver.name, taken)
            self._connection.execute(update(table).where(table.c.id == row.id).values(owner_id=taker.id, name=name))
        self._connection.execute(update(table).where(table.c.owner_id == giver.id).values(owner_id=taker.id))
