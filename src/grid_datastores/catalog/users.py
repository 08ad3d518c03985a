"""Users, their keys and tokens. Only digests of keys and tokens are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, text, update

from grid_datastores.catalog import schema
from grid_datastores.domain.model import User
from grid_datastores.domain.secrets import secret_digest

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

_ADDED = text("users.rowid")  # the order in which users were added, even if the clock was set back meanwhile


class Users:
    """The operations on users in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, user: User, key: str, at: datetime) -> None:
        """Add a user with this API key."""
        row = {"id": user.id, "name": user.name, "key_hash": secret_digest(key), "created_at": at}
        self._connection.execute(insert(schema.users).values(row))

    def set_key(self, user: User, key: str) -> None:
        """Replace the user's API key and delete all their tokens."""
        users, tokens = schema.users, schema.tokens
        self._connection.execute(update(users).where(users.c.id == user.id).values(key_hash=secret_digest(key)))
        self._connection.execute(delete(tokens).where(tokens.c.user_id == user.id))

    def all(self) -> list[User]:
        """Return all users, sorted by name."""
        rows = self._connection.execute(select(schema.users).order_by(schema.users.c.name))
        return [User(row.id, row.name) for row in rows]

    def by_age(self) -> list[User]:
        """Return all users, the one who was added first at the beginning."""
        rows = self._connection.execute(select(schema.users).order_by(_ADDED))
        return [User(row.id, row.name) for row in rows]

    def count(self) -> int:
        """Return the number of users."""
        return len(self._connection.execute(select(schema.users.c.id)).all())

    def oldest(self) -> User | None:
        """Return the user who was added first, or None."""
        row = self._connection.execute(select(schema.users).order_by(_ADDED).limit(1)).one_or_none()
        return User(row.id, row.name) if row else None

    def get(self, user_id: str) -> User | None:
        """Return the user with this id, or None."""
        row = self._connection.execute(select(schema.users).where(schema.users.c.id == user_id)).one_or_none()
        return User(row.id, row.name) if row else None

    def key_hash(self, user_id: str) -> str | None:
        """Return the digest of the user's API key, or None if there is no such user."""
        users = schema.users
        return self._connection.execute(select(users.c.key_hash).where(users.c.id == user_id)).scalar_one_or_none()

    def named(self, name: str) -> User | None:
        """Return the user with this name, or None."""
        row = self._connection.execute(select(schema.users).where(schema.users.c.name == name)).one_or_none()
        return User(row.id, row.name) if row else None

    def of_key(self, id_or_name: str, key: str) -> User | None:
        """Return the user with this id or name, or None if the key is not theirs."""
        users = schema.users
        row = self._connection.execute(
            select(users).where(
                (users.c.id == id_or_name) | (users.c.name == id_or_name), users.c.key_hash == secret_digest(key)
            )
        ).one_or_none()
        return User(row.id, row.name) if row else None

    def add_token(self, token: str, user: User, expires_at: datetime) -> None:
        """Add a token for the user, valid until it expires."""
        row = {"token_hash": secret_digest(token), "user_id": user.id, "expires_at": expires_at}
        self._connection.execute(insert(schema.tokens).values(row))

    def of_token(self, token: str, now: datetime) -> User | None:
        """Return the user of this token, or None if it is unknown or expired."""
        tokens, users = schema.tokens, schema.users
        row = self._connection.execute(
            select(users)
            .join(tokens, tokens.c.user_id == users.c.id)
            .where(tokens.c.token_hash == secret_digest(token), tokens.c.expires_at > now)
        ).one_or_none()
        return User(row.id, row.name) if row else None

    def delete_expired_tokens(self, now: datetime) -> None:
        """Delete all expired tokens."""
        self._connection.execute(delete(schema.tokens).where(schema.tokens.c.expires_at <= now))

    def delete_token(self, token: str) -> None:
        """Delete the token, so that it is no longer valid."""
        self._connection.execute(delete(schema.tokens).where(schema.tokens.c.token_hash == secret_digest(token)))

    def lock(self, user_id: str) -> None:
        """Wait for the exclusive right to change this user's versions and workloads in this transaction."""
        query = select(schema.users.c.id).where(schema.users.c.id == user_id).with_for_update()
        self._connection.execute(query)
