"""Signing in: wrong keys are counted, and a link lets the operator in without a key."""

from __future__ import annotations

import secrets
from collections import deque
from threading import Lock
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import NotSignedIn, TooManyAttempts
from grid_datastores.domain.secrets import secret_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from grid_datastores.domain.model import User
    from grid_datastores.service.accounts import Accounts

ALLOWED = 10  # wrong keys for one user from one address
WITHIN = 300.0  # seconds
LINK_LIFE = 3600.0  # seconds
_MOST = 10_000  # users and addresses that are remembered


class Attempts:
    """The wrong keys of the last minutes, by user and address, in memory."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wrong: dict[tuple[str, str], deque[float]] = {}
        self._lock = Lock()

    def sign_in(self, accounts: Accounts, name: str, key: str, address: str) -> User:
        """The user whose key this is; after too many wrong ones the next are told to wait.

        The right one is always taken: keys are long and random, and strangers must not be able to lock their user out.
        """
        try:
            return accounts.sign_in(name, key)
        except NotSignedIn:
            self._check(name, address)
            self._count(name, address)
            raise

    def _check(self, name: str, address: str) -> None:
        now = self._clock()
        with self._lock:
            wrong = self._wrong.get((name, address), deque())
            while wrong and wrong[0] <= now - WITHIN:
                wrong.popleft()
            if len(wrong) >= ALLOWED:
                raise TooManyAttempts.wait(int(wrong[0] + WITHIN - now) + 1)

    def _count(self, name: str, address: str) -> None:
        with self._lock:
            if len(self._wrong) >= _MOST:  # the oldest makes room: memory does not grow with what strangers send
                del self._wrong[next(iter(self._wrong))]
            self._wrong.setdefault((name, address), deque()).append(self._clock())


class Links:
    """Links that sign in once, while they are fresh; only their digests are kept, in memory."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._users: dict[str, tuple[User, float]] = {}
        self._lock = Lock()

    def new(self, user: User) -> str:
        """The secret of a new link."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._users[secret_digest(secret)] = (user, self._clock() + LINK_LIFE)
        return secret

    def user(self, secret: str) -> User:
        """Whom the link signs in; raises `NotSignedIn` when it was used or is too old."""
        with self._lock:
            user, until = self._users.get(secret_digest(secret), (None, 0.0))
        if user is None or until <= self._clock():
            raise NotSignedIn("This link was used already or is too old. Sign in with your user name and key.")
        return user

    def use(self, secret: str) -> User:
        """Whom the link signs in, now; it does so only once."""
        user = self.user(secret)
        with self._lock:
            if self._users.pop(secret_digest(secret), None) is None:
                raise NotSignedIn("This link was used already. Sign in with your user name and key.")
        return user
