"""Facts about the whole catalog, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, update

from grid_datastores.catalog import schema

if TYPE_CHECKING:
    from sqlalchemy import Connection

PLACE = "place-id"  # identifies this catalog in journals and copies, wherever it is stored
SIGNING_KEY = "signing-key"  # signs a server's URLs; exists if a server ever ran on this catalog
LEASE_CLOCK = "lease-clock"  # a reading of the clock of leases, see `service/leases.py`
LOCAL_OWNER = "local-owner"  # the id of the user whose versions embedded commands use


class Facts:
    """The operations on facts in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> str | None:
        """Return the value of this name, or None."""
        value: str | None = self._connection.exec_driver_sql(
            "SELECT value FROM settings WHERE key = ?", (name,)
        ).scalar_one_or_none()
        return value

    def put(self, name: str, value: str) -> None:
        """Store the value under the name, replacing any other."""
        table = schema.settings
        changed = self._connection.execute(update(table).where(table.c.key == name).values(value=value))
        if not changed.rowcount:
            self._connection.execute(insert(table).values(key=name, value=value))

    def get_or_put(self, name: str, fresh: str) -> str:
        """Return the value of this name. If there is none, store and return `fresh`."""
        known = self.get(name)
        if known is None:
            self.put(name, fresh)
        return fresh if known is None else known
