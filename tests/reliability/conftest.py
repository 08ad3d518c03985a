"""Machines for the tests of reliability: without a server, and with a real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from acceptance.server import ServerProcess
from reliability.hostile import Client
from reliability.machine import Machine, folder_of


@pytest.fixture(scope="session")
def shared_server(grid: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server for tests that leave it alive; each has a user of its own."""
    server = ServerProcess(grid, tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_server(grid: str, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that the test may kill."""
    folder = tmp_path / "server"
    folder.mkdir()
    server = ServerProcess(grid, folder)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def embedded(grid: str, tmp_path: Path) -> Machine:
    """A machine without a server."""
    return _machine(grid, tmp_path)


@pytest.fixture
def connected(grid: str, tmp_path: Path, shared_server: ServerProcess) -> Machine:
    """A machine that works on the shared server, as a user nobody else is."""
    machine = _machine(grid, tmp_path)
    machine.server, machine.user = shared_server, shared_server.add_user(f"ana-{uuid4().hex[:8]}")
    return machine


@pytest.fixture(params=["embedded", "over HTTP"])
def machine(request: pytest.FixtureRequest) -> Machine:
    """Both, one after the other."""
    found = request.getfixturevalue("embedded" if request.param == "embedded" else "connected")
    assert isinstance(found, Machine)
    return found


@pytest.fixture
def stocked(machine: Machine) -> Machine:
    """A machine with one version, `data` 1, which no refused command may touch."""
    assert machine.create(folder_of(machine.home, {"a.csv": b"1,2\n", "deep/b.csv": b"3\n"}, "stock")) == 1
    return machine


def _machine(grid: str, folder: Path) -> Machine:
    home = folder / "ana"
    home.mkdir()
    return Machine(grid, home)


@pytest.fixture
def client(shared_server: ServerProcess) -> Iterator[Client]:
    made = Client(shared_server, shared_server.add_user(f"ben-{uuid4().hex[:8]}"))
    yield made
    made.http.close()
