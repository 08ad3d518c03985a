"""Sign users in: limit attempts with wrong keys, and let the operator in by a link."""

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

MAX_WRONG_KEYS = 10  # for one user from one address, within the period
PERIOD = 300.0  # seconds
LINK_LIFETIME = 3600.0  # seconds
_MAX_COUNTERS = 10_000  # pairs of user and address


class Attempts:
    """Counts the wrong keys of the last minutes in memory, by user and address."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wrong: dict[tuple[str, str], deque[float]] = {}
        self._lock = Lock()

    def sign_in(self, accounts: Accounts, name: str, key: str, address: str) -> User:
        """Return the user whose key this is. Raises `NotSignedIn` and, after too many wrong keys, `TooManyAttempts`.

        The right key always works: keys are long and random, and a stranger must not be able to lock the user out.
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
            while wrong and wrong[0] <= now - PERIOD:
                wrong.popleft()
            if len(wrong) >= MAX_WRONG_KEYS:
                raise TooManyAttempts.wait(int(wrong[0] + PERIOD - now) + 1)

    def _count(self, name: str, address: str) -> None:
        with self._lock:
            if len(self._wrong) >= _MAX_COUNTERS:  # drop the oldest, so that strangers cannot fill the memory
                del self._wrong[next(iter(self._wrong))]
            self._wrong.setdefault((name, address), deque()).append(self._clock())


class Links:
    """Links that sign in once, within an hour. Only their digests are stored, in memory.

    A link also ends when `mark` of its user's id changes.
    """

    def __init__(self, clock: Callable[[], float], mark: Callable[[str], object] = lambda _user_id: None) -> None:
        self._clock = clock
        self._mark = mark
        self._users: dict[str, tuple[User, float, object]] = {}
        self._lock = Lock()

    def new(self, user: User) -> str:
        """Return the secret of a new link."""
        secret = secrets.token_urlsafe(32)
        mark = self._mark(user.id)
        with self._lock:
            self._users[secret_digest(secret)] = (user, self._clock() + LINK_LIFETIME, mark)
        return secret

    def user(self, secret: str) -> User:
        """Return the user whom the link signs in. Raises `NotSignedIn` if it was used or has expired."""
        with self._lock:
            user, expires, mark = self._users.get(secret_digest(secret), (None, 0.0, None))
        if user is None or expires <= self._clock() or self._mark(user.id) != mark:
            raise NotSignedIn("This link was already used or has expired. Sign in with your user name and key.")
        return user

    def use(self, secret: str) -> User:
        """Invalidate the link and return the user whom it signs in. Raises `NotSignedIn`."""
        user = self.user(secret)
        with self._lock:
            if self._users.pop(secret_digest(secret), None) is None:
                raise NotSignedIn("This link was already used. Sign in with your user name and key.")
        return user
