"""Defects of who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select

from defects.registry import SERVED, Change, defect, expose, put, wrap
from grid_datastores.catalog import schema


@defect("private-to-owner", "versions are looked for among everybody's", *SERVED)
def everybody_sees_all() -> Iterator[Change]:
    def owned(original: Any) -> Any:
        def anybody(tx: Any, user: Any, version_id: str, *, lock: bool = False) -> Any:
            return tx.versions.get(version_id, lock=lock) or original(tx, user, version_id, lock=lock)

        return anybody

    def find(self: Any, owner_id: str, ref: Any) -> Any:
        table = schema.versions
        query = select(table.c.id).where(table.c.name == ref.name, table.c.number == ref.number)
        ids = self.connection.execute(query).scalars().all()
        return self.get(ids[-1]) if ids else None

    def chosen(original: Any) -> Any:
        def of_anybody(self: Any, owner_id: str, chosen: Any, *page: Any) -> Any:
            table = schema.versions.c
            named = select(table.owner_id).where(table.name == chosen.name, table.number == chosen.number)
            owners = self.connection.execute(named).scalars().all()
            return original(self, owners[-1] if owners else owner_id, chosen, *page)

        return of_anybody

    yield wrap("grid_datastores.service.context:owned", owned)
    yield expose("grid_datastores.catalog.versions:Versions", "connection")
    yield put("grid_datastores.catalog.versions:Versions.find", find)
    yield expose("grid_datastores.catalog.lists:Lists", "connection")
    yield wrap("grid_datastores.catalog.lists:Lists.chosen", chosen)
