"""A `grid` with faults put into it: it dies, or waits, at a call that a test names as `module:Class.method`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from acceptance import executables
from acceptance.waiting import wait_until
from reliability.machine import Process

_DIES = """
import os, pkgutil, signal
def dying(real):
    def dies(*given, **named):
        if {after}:
            real(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    return dies
for call in {calls!r}:
    owner, _, name = call.rpartition(".")
    owner = pkgutil.resolve_name(owner)
    setattr(owner, name, dying(getattr(owner, name)))
"""
_WAITS = """
import pathlib, pkgutil, time
gate = pathlib.Path({gate!r})
def waiting(real):
    def waits(*given, **named):
        gate.touch()
        while gate.exists():
            time.sleep(0.01)
        return real(*given, **named)
    return waits
for call in {calls!r}:
    owner, _, name = call.rpartition(".")
    owner = pkgutil.resolve_name(owner)
    setattr(owner, name, waiting(getattr(owner, name)))
"""
_READS = """
import pathlib, time
from grid_datastores.sources.local import LocalFile
gate, chunks = pathlib.Path({gate!r}), LocalFile.chunks
def slowly(file):
    for chunk in chunks(file):
        gate.touch()
        while gate.exists():
            time.sleep(0.01)
        yield chunk
LocalFile.chunks = slowly
"""
_CLOCKS = """
import datetime, pathlib
from grid_datastores.service.service import open_service
ahead = pathlib.Path({ahead!r})
def passed():
    return float(ahead.read_text())
wall, steady, boot = open_service.__defaults__
open_service.__defaults__ = (
    lambda: wall() + datetime.timedelta(seconds=passed()),
    lambda: steady() + passed(),
    boot,
)
"""
SMALL_PART = 2 * 1024 * 1024  # bytes
SMALL_PARTS = f"""
import grid_datastores.gateway.http_uploads
grid_datastores.gateway.http_uploads.PART_SIZE = {SMALL_PART}
"""


def prepared(folder: Path, *code: str) -> str:
    """A `grid` that does this first, in a folder of its own below this one."""
    place = folder / uuid4().hex
    place.mkdir()
    return executables.wrapped(place, "\n".join(code), late=True)


def dying(folder: Path, *calls: str, after: bool, also: str = "") -> str:
    """A `grid` that is killed at the beginning of these calls, or after them: nothing else happens."""
    return prepared(folder, _DIES.format(calls=calls, after=after), also)


def waiting(folder: Path, gate: Path, *calls: str, also: str = "") -> str:
    """A `grid` that makes a file at these calls, and goes on when it is gone."""
    return prepared(folder, _WAITS.format(calls=calls, gate=str(gate)), also)


def reading(folder: Path, gate: Path, *, also: str = "") -> str:
    """A `grid` that makes a file after each megabyte that it reads of a file, and goes on when it is gone."""
    return prepared(folder, _READS.format(gate=str(gate)), also)


def let_through(gate: Path, process: Process) -> None:
    """Let a command go on, however often it comes to the gate, until it has ended."""

    def ended() -> bool:
        gate.unlink(missing_ok=True)
        return process.poll() is not None

    wait_until(ended, "the command has ended")


@dataclass
class Clocks:
    """The clocks of processes that are prepared with `code`: they are ahead of this machine's, as a test says."""

    folder: Path
    ahead: float = 0  # seconds

    def __post_init__(self) -> None:
        self.go(0)

    @property
    def code(self) -> str:
        """What prepares a `grid`."""
        return _CLOCKS.format(ahead=str(self._place))

    def go(self, seconds: float) -> None:
        """Time passes."""
        self.ahead += seconds
        new = self.folder / "ahead.new"
        new.write_text(str(self.ahead))
        new.rename(self._place)

    @property
    def _place(self) -> Path:
        return self.folder / "ahead"
