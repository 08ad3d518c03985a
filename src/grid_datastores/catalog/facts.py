"""Facts of the whole catalog, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from grid_datastores.catalog import schema

if TYPE_CHECKING:
    from sqlalchemy import Connection

PLACE = "place-id"  # the id by which journals and copies know this catalog, wherever it is
SIGNING_KEY = "signing-key"  # signs the URLs of a server; it exists where a server was started
CLOCK = "clock"  # how far the wall clock was from the steady one, and since which boot
LOCAL_OWNER = "local-owner"  # the id of the user whose versions the embedded commands work on


class Facts:
    """The facts' part of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> str | None:
        """What is stored under the name."""
        table = schema.settings
        return self._connection.execute(select(table.c.value).where(table.c.key == name)).scalar_one_or_none()

    def put(self, name: str, value: str) -> None:
        """Store the value under the name, in place of another one."""
        table = schema.settings
        changed = self._connection.execute(update(table).where(table.c.key == name).values(value=value))
        if not changed.rowcount:
            self._connection.execute(insert(table).values(key=name, value=value))

    def settle(self, name: str, fresh: str) -> str:
        """What is stored under the name; where nothing is, `fresh`, which is stored from now on."""
        known = self.get(name)
        if known is None:
            self.put(name, fresh)
        return fresh if known is None else known
