"""Sign-ins: a browser in the web UI, or a program with a token of the API."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

MAX_CLIENT = 200  # characters of a User-Agent header
# The first name in each list that a User-Agent header contains counts: most browsers also name others.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_PRODUCT = re.compile(r"[\w.+-]{1,40}(/[\w.+-]{1,20})?")


class SignInKind(StrEnum):
    """What has signed in."""

    BROWSER = "browser"
    TOKEN = "API token"  # noqa: S105


class Client(NamedTuple):
    """What signs in: its kind, its address, and its User-Agent header."""

    kind: SignInKind = SignInKind.TOKEN
    address: str = ""
    user_agent: str = ""

    def __str__(self) -> str:
        """Return the browser and its system, or the program."""
        browser, system = _first(_BROWSERS, self.user_agent), _first(_SYSTEMS, self.user_agent)
        if browser:
            return f"{browser} on {system}" if system else browser
        program = _PRODUCT.match(self.user_agent)
        return program[0] if program else f"unknown {'browser' if self.kind is SignInKind.BROWSER else 'program'}"


class SignIn(NamedTuple):
    """One sign-in of a user. `last_used_at` is exact to a minute. `current` marks the one that asks."""

    id: str
    client: Client
    since: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool = False


def _first(names: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for part, name in names if part in text), "")
