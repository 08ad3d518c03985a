"""Users and their keys. Only digests of keys are stored. A removed user is found by nothing here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, text, update

from grid_datastores.catalog import schema
from grid_datastores.domain.errors import NotSignedIn
from grid_datastores.domain.model import User
from grid_datastores.domain.secrets import secret_digest

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from grid_datastores.catalog.log import Log

_TABLE = schema.users.c
_PRESENT = _TABLE.removed_at.is_(None)
_MARK = ":"  # between the name and the id of a removed user; no name contains it
_ADDED = text("users.rowid")  # the order in which users were added, even if the clock was set back meanwhile


def original_name(user: Row[tuple[object, ...]]) -> str:
    """Return the name of a user's row, also if it marks them as removed."""
    return str(user.name).removesuffix(f"{_MARK}{user.id}")


class Users:
    """The operations on users in one transaction."""

    def __init__(self, connection: Connection, log: Log) -> None:
        self._connection = connection
        self._log = log

    def add(self, user: User, key: str, at: datetime) -> None:
        """Add a user with this API key."""
        row = {"id": user.id, "name": user.name, "key_hash": secret_digest(key), "created_at": at}
        self._connection.execute(insert(schema.users).values(row))
        self._log.user(user)

    def set_key(self, user: User, key: str) -> None:
        """Replace the user's API key."""
        changed = update(schema.users).where(_TABLE.id == user.id, _PRESENT)
        self._connection.execute(changed.values(key_hash=secret_digest(key)))

    def remove(self, user: User, at: datetime) -> None:
        """Remove the user and their key. Their row stays for their tombstones, and their name is free again."""
        removed = {"name": f"{user.name}{_MARK}{user.id}", "key_hash": "", "removed_at": at}
        self._connection.execute(update(schema.users).where(_TABLE.id == user.id).values(removed))
        self._log.removed(user, at)

    def all(self) -> list[User]:
        """Return all users, sorted by name."""
        rows = self._connection.execute(select(schema.users).where(_PRESENT).order_by(_TABLE.name))
        return [User(row.id, row.name) for row in rows]

    def by_age(self) -> list[User]:
        """Return all users, the one who was added first at the beginning."""
        rows = self._connection.execute(select(schema.users).where(_PRESENT).order_by(_ADDED))
        return [User(row.id, row.name) for row in rows]

    def count(self) -> int:
        """Return the number of users."""
        return int(self._connection.execute(select(func.count()).where(_PRESENT)).scalar_one())

    def oldest(self) -> User | None:
        """Return the user who was added first, or None."""
        query = select(schema.users).where(_PRESENT).order_by(_ADDED).limit(1)
        return _user(self._connection.execute(query).one_or_none())

    def get(self, user_id: str) -> User | None:
        """Return the user with this id, or None."""
        return _user(self._connection.execute(select(schema.users).where(_TABLE.id == user_id, _PRESENT)).one_or_none())

    def key_hash(self, user_id: str) -> str | None:
        """Return the digest of the user's API key, or None if there is no such user."""
        query = select(_TABLE.key_hash).where(_TABLE.id == user_id, _PRESENT)
        return self._connection.execute(query).scalar_one_or_none()

    def named(self, name: str) -> User | None:
        """Return the user with this name, or None."""
        return _user(self._connection.execute(select(schema.users).where(_TABLE.name == name, _PRESENT)).one_or_none())

    def of_key(self, id_or_name: str, key: str) -> User | None:
        """Return the user with this id or name, or None if the key is not theirs."""
        query = "SELECT id, name FROM users WHERE (id = ?1 OR name = ?1) AND key_hash = ?2 AND removed_at IS NULL"
        return _user(self._connection.exec_driver_sql(query, (id_or_name, secret_digest(key))).one_or_none())

    def lock(self, user_id: str) -> None:
        """Wait for the exclusive right to change this user's versions and workloads in this transaction.

        Raises `NotSignedIn` if the user was removed.
        """
        query = select(_TABLE.id).where(_TABLE.id == user_id, _PRESENT).with_for_update()
        if self._connection.execute(query).one_or_none() is None:
            raise NotSignedIn("This user was removed. Nothing was done.")


def _user(row: Row[tuple[object, ...]] | None) -> User | None:
    return User(row.id, row.name) if row else None
