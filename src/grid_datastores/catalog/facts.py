"""Facts about the whole catalog: some by name, and whether anything in it waits to be tidied.

The statements are plain SQL, because every command waits for them and SQLAlchemy takes longer than SQLite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

PLACE = "place-id"  # identifies this catalog in journals and copies, wherever it is stored
SIGNING_KEY = "signing-key"  # signs a server's URLs; exists if a server ever ran on this catalog
LEASE_CLOCK = "lease-clock"  # a reading of the clock of leases, see `service/leases.py`
LOCAL_OWNER = "local-owner"  # the id of the user whose versions embedded commands use

_SELECT = "SELECT value FROM settings WHERE key = ?"
_UPSERT = "INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_CAN_EXPIRE = """
SELECT EXISTS (SELECT 1 FROM workloads WHERE state = 'running' AND lease_until IS NOT NULL)
    OR EXISTS (SELECT 1 FROM versions WHERE phase IN ('uploading', 'fetching'))
    OR EXISTS (SELECT 1 FROM tokens)
"""


class Facts:
    """The operations on facts in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> str | None:
        """Return the value of this name, or None."""
        value = self._connection.exec_driver_sql(_SELECT, (name,)).scalar()
        return None if value is None else str(value)

    def put(self, name: str, value: str) -> None:
        """Store the value under the name, replacing any other."""
        self._connection.exec_driver_sql(_UPSERT, (name, value))

    def get_or_put(self, name: str, fresh: str) -> str:
        """Return the value of this name. If there is none, store and return `fresh`."""
        known = self.get(name)
        if known is None:
            self.put(name, fresh)
        return fresh if known is None else known

    def anything_can_expire(self) -> bool:
        """Return whether there is a Run with a lease, an unfinished upload or fetch, or a sign-in, expired or not."""
        return bool(self._connection.exec_driver_sql(_CAN_EXPIRE).scalar())
