"""Users, their API keys and tokens."""

from __future__ import annotations

import hmac
import logging
import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from grid_datastores.catalog.facts import LOCAL_OWNER, SIGNING_KEY
from grid_datastores.domain.errors import Busy, CatalogFailed, NameTaken, NoSpace, NotFound, NotSignedIn, NotThatState
from grid_datastores.domain.model import User
from grid_datastores.domain.naming import check_name
from grid_datastores.domain.sign_ins import Client
from grid_datastores.service.owner import choose_owner, find_owner, hidden_versions_notice

if TYPE_CHECKING:
    from grid_datastores.catalog import Transaction
    from grid_datastores.domain.sign_ins import SignIn
    from grid_datastores.service.context import Context

_log = logging.getLogger(__name__)

TOKEN_LIFETIME = timedelta(hours=12)
_USE_INTERVAL = timedelta(minutes=1)  # how often the use of a token is recorded
_UNKNOWN = Client()


class Accounts:
    """The use cases of users, keys and tokens."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def add(self, name: str) -> tuple[User, str]:
        """Add a user and return them with their API key. Only the key's digest is stored. Raises `NameTaken`."""
        check_name(name, "user")
        with self._context.catalog.write() as tx:
            if tx.users.named(name):
                raise NameTaken(f"User {name} already exists. To make a new key for them: grid user key {name}")
            return self._add(tx, name)

    def new_key(self, name: str) -> tuple[User, str]:
        """Replace the user's API key and revoke their tokens. Return the user and the new key. Raises `NotFound`."""
        with self._context.catalog.write() as tx:
            user = find_user(tx, name)
            key = _fresh_key()
            tx.users.set_key(user, key)
            tx.sign_ins.end_all(user)
        return user, key

    def named(self, name: str) -> User:
        """Return the user with this name. Raises `NotFound`."""
        with self._context.catalog.read() as tx:
            return find_user(tx, name)

    def all(self) -> list[User]:
        """Return all users, sorted by name."""
        with self._context.catalog.read() as tx:
            return tx.users.all()

    def first(self, name: str) -> tuple[User, str] | None:
        """Add the first user and return them with their key, or None if there are users already."""
        with self._context.catalog.read() as tx:
            if tx.users.count():
                return None
        return self.add(name)

    def local(self, person: str) -> User:
        """Return the owner of this folder's versions, under the operating system's name for the person.

        If the catalog has no owner yet, this chooses one permanently and logs, once, which versions changed hands.
        """
        catalog = self._context.catalog
        if catalog.read_only:
            return self._local_read_only(person)
        with catalog.read() as tx:
            owner = find_owner(tx, person) if tx.facts.get(LOCAL_OWNER) else None
        notice = ""
        if owner is None:
            with catalog.write() as tx:
                # Another command may have chosen the owner in the meantime.
                known = find_owner(tx, person) if tx.facts.get(LOCAL_OWNER) else None
                owner, notice = (known, "") if known else choose_owner(tx, person, self._context.clock())
        if notice:
            _log.info("%s", notice)
        return User(owner.id, person)

    def _local_read_only(self, person: str) -> User:
        """Return the owner that `local` would choose. If it would create one, return a user without versions."""
        with self._context.catalog.read() as tx:
            owner = find_owner(tx, person)
            notice = hidden_versions_notice(tx, owner)
        if notice:
            _log.info("%s", notice)
        return User(owner.id if owner else secrets.token_hex(8), person)

    def find_local(self, person: str) -> User | None:
        """Return the owner without changing anything, or None if none is chosen yet."""
        with self._context.catalog.read() as tx:
            owner = find_owner(tx, person)
        return User(owner.id, person) if owner else None

    def _add(self, tx: Transaction, name: str) -> tuple[User, str]:
        user, key = User(secrets.token_hex(8), name), _fresh_key()
        tx.users.add(user, key, self._context.clock())
        return user, key

    def sign_in(self, id_or_name: str, key: str) -> User:
        """Return the user whose key this is. Raises `NotSignedIn`."""
        with self._context.catalog.read() as tx:
            user = tx.users.of_key(id_or_name, key)
        if user is None:
            raise NotSignedIn("The user or the key is wrong. Sign in with: grid login")
        return user

    def new_token(
        self, user: User, lifetime: timedelta = TOKEN_LIFETIME, client: Client = _UNKNOWN, key: str | None = None
    ) -> str:
        """Return a new token for the user, valid for this long.

        Raises `NotSignedIn` if the user was removed, or if the `key` that they signed in with was replaced meanwhile.
        """
        token = secrets.token_urlsafe(32)
        self._context.leases.keep_time()
        now = self._context.leases.latest()
        with self._context.catalog.write() as tx:
            tx.users.lock(user.id)
            if key is not None and tx.users.of_key(user.id, key) is None:
                raise NotSignedIn("The key was replaced. Sign in with the new key.")
            tx.sign_ins.delete_expired(now)
            tx.sign_ins.add(token, user, client, now, now + lifetime)
        return token

    def of_token(self, token: str) -> User:
        """Return the user of a token, and record that it was used. Raises `NotSignedIn` if it is unknown or expired."""
        now = self._context.leases.latest()
        with self._context.catalog.read() as tx:
            found = tx.sign_ins.of_token(token, now)
        if found is None:
            raise NotSignedIn("The token is invalid or has expired. Sign in again with: grid login")
        user, used_at = found
        if abs(now - used_at) >= _USE_INTERVAL:  # abs: the clock may have been set back
            self._record_use(token, now)
        return user

    def _record_use(self, token: str, now: datetime) -> None:
        """Best effort: a request must not wait or fail for this."""
        with suppress(Busy, CatalogFailed, NoSpace), self._context.catalog.write(at_once=True) as tx:
            tx.sign_ins.mark_used(token, now)

    def sign_ins(self, user: User, current_token: str = "") -> list[SignIn]:
        """Return the user's sign-ins, the last used first. That of `current_token` is marked as current."""
        now = self._context.leases.latest()
        with self._context.catalog.read() as tx:
            return tx.sign_ins.all(user, now, current_token)

    def end_sign_in(self, user: User, sign_in_id: str) -> None:
        """End this sign-in of the user: its token is no longer valid. Idempotent."""
        with self._context.catalog.write() as tx:
            tx.sign_ins.end(user, sign_in_id)

    def end_sign_ins(self, user: User, *, except_token: str = "") -> None:
        """End all sign-ins of the user, except the one of this token."""
        with self._context.catalog.write() as tx:
            tx.sign_ins.end_all(user, except_token=except_token)

    def forget_expired_sign_ins(self) -> None:
        """Delete expired sign-ins, with the addresses and browsers that they name."""
        now = self._context.leases.latest()
        with self._context.catalog.read() as tx:
            if not tx.sign_ins.has_expired(now):
                return
        with self._context.catalog.write() as tx:
            tx.sign_ins.delete_expired(now)

    def revoke_token(self, token: str) -> None:
        """Revoke the token, because its user signed out."""
        with self._context.catalog.write() as tx:
            tx.sign_ins.end_token(token)

    def oldest(self) -> User | None:
        """Return the user who was added first, or None."""
        with self._context.catalog.read() as tx:
            return tx.users.oldest()

    def get(self, user_id: str) -> User:
        """Return the user with this id. Raises `NotSignedIn`."""
        with self._context.catalog.read() as tx:
            user = tx.users.get(user_id)
        if user is None:
            raise NotSignedIn("This user no longer exists.")
        return user

    def ensure_signing_key(self) -> None:
        """Store a key that signs the server's URLs, unless there is one. It stays the same after a restart."""
        with self._context.catalog.write() as tx:
            tx.facts.get_or_put(SIGNING_KEY, _fresh_signing_key())

    def rotate_signing_key(self) -> None:
        """Replace the key that signs the server's URLs, which ends all signed URLs. Running servers use the new one.

        Raises `NotThatState` if no server has run on this folder: it has no such key.
        """
        with self._context.catalog.write() as tx:
            if tx.facts.get(SIGNING_KEY) is None:
                raise NotThatState("No server has run on this folder, so it has no signing key. Nothing was changed.")
            tx.facts.put(SIGNING_KEY, _fresh_signing_key())

    def url_key(self, user_id: str) -> bytes | None:
        """Return the key that signs the URLs of this user, or None if there is no such user.

        It changes with the user's API key and with the server's signing key, so a new one of either ends all URLs.
        """
        with self._context.catalog.read() as tx:
            signing_key, key_hash = tx.facts.get(SIGNING_KEY), tx.users.key_hash(user_id)
        if not signing_key or not key_hash:
            return None
        return hmac.digest(signing_key.encode(), key_hash.encode(), "sha256")


def find_user(tx: Transaction, name: str) -> User:
    """Return the user with this name. Raises `NotFound` and, if the name cannot be one, `InvalidInput`."""
    check_name(name, "user")
    user = tx.users.named(name)
    if user is None:
        raise NotFound(f"There is no user {name}. To list the users: grid user list")
    return user


def _fresh_signing_key() -> str:
    return secrets.token_hex(32)


def _fresh_key() -> str:
    return secrets.token_urlsafe(32)
