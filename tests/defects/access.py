"""Defects of who may do what."""

from __future__ import annotations

from typing import Any

from defects.registry import SERVED, defect, put
from grid_datastores.catalog.versions import Versions
from grid_datastores.service import context, deletion, reading, uploads, workloads


@defect("private-to-owner", "versions are looked for among everybody's", *SERVED)
def everybody_sees_all() -> None:
    def anybody(tx: Any, user: Any, version_id: str, *, lock: bool = False) -> Any:
        found = tx.versions.get(version_id, lock=lock)
        return found or context.owned(tx, user, version_id)

    for module in (deletion, reading, uploads, workloads):
        put(module, "owned", anybody)

    def find(self: Any, owner_id: str, ref: Any) -> Any:
        from grid_datastores.catalog import schema

        table = schema.versions
        rows = self._all(table.select().where(table.c.name == ref.name, table.c.number == ref.number))
        return rows[-1] if rows else None

    put(Versions, "find", find)
