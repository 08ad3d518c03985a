"""The surfaces: the ways in which a person or a program can do what the features say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


class Crashed(Exception):
    """The program or server broke: no refusal, whatever a feature says, and no known issue."""


@dataclass(frozen=True)
class Outcome:
    """What one action came to, and all that was said."""

    done: bool
    usage: bool
    not_found: bool
    said: str


def deletions_in(said: str) -> list[tuple[str, int]]:
    """The versions that the commands in a message delete."""
    commands = re.findall(r"grid datastore delete --name (\S+) --version (\d+)", said)
    return [(name, int(number)) for name, number in commands]


@dataclass(frozen=True)
class Receipt:
    """What a surface says of a deletion; `size` as it shows it: all bytes, or a rounded number with its unit."""

    gone: int
    files: int
    size: str
    kept: list[tuple[int, str]]
    quota: tuple[int, int] | None


class Surface(Protocol):
    """What the steps can do, and see, as one user."""

    def move(self, url: str, authority: Path) -> None:
        """From now on the server is reached at this address; the file names the authority that vouches for it."""

    def upload(self, name: str, folder: Path) -> Outcome: ...
    def fetch(self, name: str, location: str, *, refer: bool = False) -> Outcome: ...
    def source(self, name: str, number: int) -> str: ...
    def listed(self, name: str) -> list[tuple[int, str]]:
        """Every row that the list of versions has under a name: its number and phase."""

    def phase(self, name: str, number: int) -> str: ...
    def fingerprint(self, name: str, number: int) -> str: ...
    def history(self, name: str, number: int) -> str: ...
    def files(self, name: str, number: int) -> Outcome: ...
    def download(self, name: str, number: int, folder: Path) -> Outcome: ...
    def delete(self, name: str | None, version: str | None) -> Outcome: ...
    def verdict(self, name: str, number: int) -> Outcome: ...
    def receipt(self, outcome: Outcome) -> Receipt: ...
    def offered(self, outcome: Outcome) -> list[tuple[str, int]]:
        """The versions that a refused upload offers to delete, in their order."""

    def mount(self, session: str, name: str, number: int) -> Outcome: ...
    def pause(self, session: str) -> Outcome: ...
    def resume(self, session: str) -> Outcome: ...
    def end(self, session: str) -> Outcome: ...
    def sessions(self) -> list[str]: ...
    def mounts(self, session: str) -> str:
        """What the list of Sessions says of this one: its state, and what it mounts."""

    def users(self, name: str, number: int) -> str:
        """Who uses a version, as the version itself shows it."""

    def cancel(self, run: str) -> Outcome: ...
    def quota_used(self) -> int: ...
    def quota_limit(self) -> int: ...


class Arrange(Surface, Protocol):
    """What set-up can do beyond that, without leaving evidence."""

    def run(self, run: str, name: str, number: int) -> None: ...
    def end_run(self, run: str, state: str) -> None: ...
    def begin_upload(self, name: str) -> None: ...
    def fail_upload(self, name: str) -> None: ...
    def holders(self, name: str, number: int) -> list[str]: ...
    def version_id(self, name: str, number: int) -> str: ...
    def state(self) -> list[dict[str, Any]]:
        """All versions, Sessions and Runs that are listed, and the quota, to see whether anything has changed."""

    def record(self, name: str, number: int) -> dict[str, Any]:
        """All that is known of one version, deleted or not, but for when its bytes went, which the removal decides."""
