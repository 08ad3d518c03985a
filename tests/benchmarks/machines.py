"""A folder of `grid` and a server, as a user would have them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pairs import run

GRID = str(Path(sysconfig.get_path("scripts")) / "grid")
PYTHON = sys.executable
ROOMY = "1000000"  # versions; the quota is not what is measured


@dataclass(frozen=True)
class Machine:
    """A user's machine: works on a folder of its own or on a server."""

    folder: Path
    environment: dict[str, str]

    @classmethod
    def embedded(cls, folder: Path) -> Machine:
        """Return a machine without a server."""
        return cls(folder, {"GRID_DIR": str(folder), "GRID_URL": "", "GRID_QUOTA": ROOMY})

    def grid(self, *words: str) -> None:
        """Run a command."""
        run(GRID, *words, **self.environment)

    def does(self, *words: str) -> Callable[[], None]:
        """Return a function that runs a command."""
        return lambda: self.grid(*words)

    def output(self, *words: str) -> str:
        """Run a command and return what it prints."""
        environment = {**os.environ, **self.environment}
        return subprocess.run([GRID, *words], env=environment, check=True, capture_output=True, text=True).stdout

    def create(self, source: Path) -> None:
        """Create one more version of this folder."""
        self.grid("datastore", "create", str(source), "--name", source.name)

    def last_number(self, name: str) -> str:
        """Return the highest number of this name."""
        listed = json.loads(self.output("datastore", "-o", "json"))
        return str(max(one["spec"]["version"] for one in listed if one["name"] == name))


@dataclass(frozen=True)
class Served:
    """A running server, one of its users, and a machine where this user is signed in."""

    address: str  # host and port
    folder: Path  # of the server
    user: str
    key: str

    @property
    def machine(self) -> Machine:
        """The user's machine."""
        client = {"GRID_DIR": f"{self.folder}-{self.user}", "GRID_URL": f"http://{self.address}"}
        return Machine(self.folder, {**client, "GRID_USER_ID": self.user, "GRID_API_KEY": self.key})

    def other(self, user: str) -> Served:
        """Add another user to the server."""
        return _added(self.address, self.folder, user)


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Start a server on a folder, add a user and yield it."""
    environment = {**os.environ, **Machine.embedded(folder).environment}
    process = subprocess.Popen(
        [GRID, "serve", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    assert process.stdout
    try:
        address = process.stdout.readline().split(" is running at http://")[1].split()[0]
        yield _added(address, folder, "bench")
    finally:
        process.terminate()
        process.communicate()


def _added(address: str, folder: Path, user: str) -> Served:
    printed = Machine.embedded(folder).output("user", "add", user)
    key = re.search(r"(?<=: )[\w-]{43}$", printed, re.MULTILINE)
    assert key, printed
    return Served(address, folder, user, key[0])
