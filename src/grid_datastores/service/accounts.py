"""Users, their API keys and tokens."""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from grid_datastores.catalog.facts import LOCAL_OWNER, SIGNING_KEY
from grid_datastores.domain.errors import NameTaken, NotFound, NotSignedIn
from grid_datastores.domain.model import User
from grid_datastores.domain.naming import check_name
from grid_datastores.service.owner import choose_owner, find_owner, left_out

if TYPE_CHECKING:
    from grid_datastores.catalog import Transaction
    from grid_datastores.service.context import Context

_log = logging.getLogger(__name__)

TOKEN_LIFE = timedelta(hours=12)


class Accounts:
    """The use cases of users."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def add(self, name: str) -> tuple[User, str]:
        """A new user and their API key, which is kept nowhere: only its digest is."""
        check_name(name, "user")
        with self._context.catalog.write() as tx:
            if tx.users.named(name):
                raise NameTaken(f"There is a user {name} already; make a new key for them with: grid user key {name}")
            return self._add(tx, name)

    def new_key(self, name: str) -> tuple[User, str]:
        """The user and a new key; the old one, and all who signed in with it, are let in no more."""
        check_name(name, "user")
        with self._context.catalog.write() as tx:
            user = tx.users.named(name)
            if user is None:
                raise NotFound(f"There is no user {name}; see who there is with: grid user list")
            key = _fresh_key()
            tx.users.set_key(user, key)
        return user, key

    def all(self) -> list[User]:
        """Everybody, by name."""
        with self._context.catalog.read() as tx:
            return tx.users.all()

    def first(self, name: str) -> tuple[User, str] | None:
        """The first user and their key, when there is none yet."""
        with self._context.catalog.read() as tx:
            if tx.users.count():
                return None
        return self.add(name)

    def local(self, person: str) -> User:
        """The owner of this folder's versions, who acts under the name that the operating system has for the person.

        Where the catalog does not know the owner yet, it is decided for good; what this changed is logged, once.
        """
        catalog = self._context.catalog
        if catalog.frozen:
            return self._local_frozen(person)
        with catalog.read() as tx:
            owner = find_owner(tx, person) if tx.facts.get(LOCAL_OWNER) else None
        said = ""
        if owner is None:
            with catalog.write() as tx:
                known = find_owner(tx, person) if tx.facts.get(LOCAL_OWNER) else None  # another command was faster
                owner, said = (known, "") if known else choose_owner(tx, person, self._context.clock())
        if said:
            _log.info("%s", said)
        return User(owner.id, person)

    def _local_frozen(self, person: str) -> User:
        """The owner as `local` would choose; where it would make one, a user who has nothing."""
        with self._context.catalog.read() as tx:
            owner = find_owner(tx, person)
            said = left_out(tx, owner)
        if said:
            _log.info("%s", said)
        return User(owner.id if owner else secrets.token_hex(8), person)

    def local_to_look(self, person: str) -> User | None:
        """The same where nothing may be changed; None where it is not decided who the owner is."""
        with self._context.catalog.read() as tx:
            owner = find_owner(tx, person)
        return User(owner.id, person) if owner else None

    def _add(self, tx: Transaction, name: str) -> tuple[User, str]:
        user, key = User(secrets.token_hex(8), name), _fresh_key()
        tx.users.add(user, key, self._context.clock())
        return user, key

    def sign_in(self, id_or_name: str, key: str) -> User:
        """The user whose key this is."""
        with self._context.catalog.read() as tx:
            user = tx.users.of_key(id_or_name, key)
        if user is None:
            raise NotSignedIn("The user or the key is wrong; sign in with: grid login")
        return user

    def new_token(self, user: User) -> str:
        """A token that stands for the user for twelve hours."""
        token = secrets.token_urlsafe(32)
        now = self._context.clock()
        with self._context.catalog.write() as tx:
            tx.users.drop_expired_tokens(now)
            tx.users.add_token(token, user, now + TOKEN_LIFE)
        return token

    def of_token(self, token: str) -> User:
        """The user whom the token stands for."""
        with self._context.catalog.read() as tx:
            user = tx.users.of_token(token, self._context.clock())
        if user is None:
            raise NotSignedIn("The token is wrong or has expired; sign in again with: grid login")
        return user

    def end_token(self, token: str) -> None:
        """The token stands for nobody any more: its holder has signed out."""
        with self._context.catalog.write() as tx:
            tx.users.drop_token(token)

    def oldest(self) -> User | None:
        """The user who was added first."""
        with self._context.catalog.read() as tx:
            return tx.users.oldest()

    def get(self, user_id: str) -> User:
        """The user with this id."""
        with self._context.catalog.read() as tx:
            user = tx.users.get(user_id)
        if user is None:
            raise NotSignedIn("This user is not there any more.")
        return user

    def signing_key(self) -> bytes:
        """The key that signs this server's URLs, the same after a restart."""
        with self._context.catalog.write() as tx:
            return tx.facts.settle(SIGNING_KEY, secrets.token_hex(32)).encode()


def _fresh_key() -> str:
    return secrets.token_urlsafe(32)
