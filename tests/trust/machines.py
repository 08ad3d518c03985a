"""Machines and servers of their own for an attack, in a scratch folder that is erased after it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from acceptance import executables
from acceptance.server import ServerProcess
from reliability.faults import prepared
from reliability.machine import Machine
from trust.planted import plant

_IN_MEMORY = Path("/dev/shm")  # an fsync costs nothing there


_planted: list[str] = []  # the attack whose defect all processes have


def plant_everywhere(attack: str) -> None:
    """Put the defect of this attack into this process, and into all commands and servers that it starts."""
    plant(attack)
    _planted.append(attack)


def planted_code() -> str:
    """What puts the same defect into a process."""
    return "".join(f"from trust.planted import plant\nplant({attack!r})\n" for attack in _planted)


def grid(folder: Path) -> str:
    """The `grid` that is attacked."""
    return prepared(folder, planted_code()) if _planted else executables.own()


@contextmanager
def scratch(*, in_memory: bool = False) -> Iterator[Path]:
    """An empty folder; in memory, if this machine has such a place."""
    place = str(_IN_MEMORY) if in_memory and _IN_MEMORY.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="trust-", dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def embedded(folder: Path, name: str = "ana") -> Machine:
    """A machine without a server."""
    home = folder / name
    home.mkdir()
    return Machine(grid(folder), home)


@contextmanager
def server_in(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[ServerProcess]:
    """A server that runs, in a folder of its own."""
    place = folder / "server"
    place.mkdir()
    server = ServerProcess(grid(folder), place, settings or {})
    server.start()
    try:
        yield server
    finally:
        server.kill()


def connected(folder: Path, server: ServerProcess, name: str = "ana") -> Machine:
    """A machine of a new user of this server."""
    machine = embedded(folder, name)
    machine.server, machine.user = server, server.add_user(name)
    return machine
