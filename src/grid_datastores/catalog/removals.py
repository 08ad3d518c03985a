"""What the removal knows about the readers that delay it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from grid_datastores.catalog import schema

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


class Removals:
    """The operations on queued removals in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def readers_since(self, version_id: str) -> datetime | None:
        """Return since when only readers delay this removal, by the clock of leases, or None."""
        table = schema.removals
        query = select(table.c.readers_since).where(table.c.version_id == version_id)
        return self._connection.execute(query).scalar_one_or_none()

    def wait_for_readers(self, version_id: str, since: datetime) -> None:
        """Record that only readers delay this removal, unless that was recorded before."""
        table = schema.removals
        unknown = update(table).where(table.c.version_id == version_id, table.c.readers_since.is_(None))
        self._connection.execute(unknown.values(readers_since=since))
