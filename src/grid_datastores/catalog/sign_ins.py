"""The sign-ins of users, each with a token. Only digests of tokens are stored."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, insert, select, update

from grid_datastores.catalog import schema
from grid_datastores.domain.model import User
from grid_datastores.domain.secrets import secret_digest
from grid_datastores.domain.sign_ins import MAX_CLIENT, Client, SignIn, SignInKind

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

_TABLE = schema.tokens.c


class SignIns:
    """The operations on sign-ins in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, token: str, user: User, client: Client, at: datetime, expires_at: datetime) -> None:
        """Add a sign-in of the user with this token, valid until it expires."""
        self._connection.execute(
            insert(schema.tokens).values(
                token_hash=secret_digest(token),
                id=secrets.token_hex(8),
                user_id=user.id,
                kind=client.kind.value,
                address=client.address,
                user_agent=client.user_agent[:MAX_CLIENT],
                created_at=at,
                last_used_at=at,
                expires_at=expires_at,
            )
        )

    def of_token(self, token: str, now: datetime) -> tuple[User, datetime] | None:
        """Return the user of this token and when it was last used, or None if it is unknown or expired."""
        users = schema.users
        row = self._connection.execute(
            select(users.c.id, users.c.name, _TABLE.last_used_at)
            .join(schema.tokens, _TABLE.user_id == users.c.id)
            .where(_TABLE.token_hash == secret_digest(token), _TABLE.expires_at > now)
        ).one_or_none()
        return (User(row.id, row.name), row.last_used_at) if row else None

    def all(self, user: User, now: datetime, current_token: str = "") -> list[SignIn]:
        """Return the user's sign-ins that have not expired, the last used first."""
        current = secret_digest(current_token)
        query = select(schema.tokens).where(_TABLE.user_id == user.id, _TABLE.expires_at > now)
        rows = self._connection.execute(query.order_by(_TABLE.last_used_at.desc(), _TABLE.created_at.desc(), _TABLE.id))
        return [
            SignIn(
                row.id,
                Client(SignInKind(row.kind), row.address, row.user_agent),
                row.created_at,
                row.last_used_at,
                row.expires_at,
                current=row.token_hash == current,
            )
            for row in rows
        ]

    def mark_used(self, token: str, at: datetime) -> None:
        """Record that the token was used."""
        token_hash = secret_digest(token)
        self._connection.execute(update(schema.tokens).where(_TABLE.token_hash == token_hash).values(last_used_at=at))

    def end(self, user: User, sign_in_id: str) -> None:
        """End this sign-in of the user, if it has not ended yet."""
        self._connection.execute(delete(schema.tokens).where(_TABLE.user_id == user.id, _TABLE.id == sign_in_id))

    def end_token(self, token: str) -> None:
        """End the sign-in of this token."""
        self._connection.execute(delete(schema.tokens).where(_TABLE.token_hash == secret_digest(token)))

    def end_all(self, user: User, *, except_token: str = "") -> None:
        """End the user's sign-ins, except the one of this token."""
        others = _TABLE.token_hash != secret_digest(except_token)
        self._connection.execute(delete(schema.tokens).where(_TABLE.user_id == user.id, others))

    def has_expired(self, now: datetime) -> bool:
        """Return whether there are expired sign-ins, of any user."""
        return bool(self._connection.execute(select(exists().where(_TABLE.expires_at <= now))).scalar())

    def delete_expired(self, now: datetime) -> None:
        """Delete the expired sign-ins of all users."""
        self._connection.execute(delete(schema.tokens).where(_TABLE.expires_at <= now))
