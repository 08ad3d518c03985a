"""A `grid` with a fault put into it: it dies, or waits, at a call that a test names as `module:Class.method`."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from acceptance import executables

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


def prepared(folder: Path, code: str) -> str:
    """A `grid` that does this first, in a folder of its own below this one."""
    place = folder / uuid4().hex
    place.mkdir()
    return executables.wrapped(place, code, late=True)


def dying(folder: Path, *calls: str, after: bool) -> str:
    """A `grid` that is killed at the beginning of these calls, or after them: nothing else happens."""
    return prepared(folder, _DIES.format(calls=calls, after=after))


def waiting(folder: Path, gate: Path, *calls: str) -> str:
    """A `grid` that makes a file at these calls, and goes on when it is gone."""
    return prepared(folder, _WAITS.format(calls=calls, gate=str(gate)))
