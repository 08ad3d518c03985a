"""Machines for the tests of reliability: without a server, and with a real one; and a server that speaks S3."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from acceptance.server import ServerProcess
from forked import Forked
from reliability.hostile import Client
from reliability.machine import Machine, folder_of
from reliability.sources.s3 import PAGE, S3

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def shared_server(grid: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server for tests that leave it alive; each has a user of its own."""
    server = ServerProcess(grid, tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def new_server(grid: str, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that the test starts, or whose operator does."""
    folder = tmp_path / "server"
    folder.mkdir()
    server = ServerProcess(grid, folder)
    yield server
    if server.url:
        server.kill()


@pytest.fixture
def own_server(new_server: ServerProcess) -> ServerProcess:
    """A server that the test may kill."""
    new_server.start()
    return new_server


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


@pytest.fixture(scope="session")
def forked_pytest() -> Iterator[Forked]:
    """What runs pytest in a process of its own, with all loaded that the acceptance run and its commands need."""
    collected = ["tests/acceptance", "--collect-only", "-q", "-p", "no:cacheprovider", "--rule=delete-needs-both"]
    load = f"import pytest; pytest.main({collected!r}); from acceptance import warm; warm.load()"
    with closing(Forked(load, ROOT)) as forked:
        yield forked


@pytest.fixture(scope="session")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server process that speaks S3."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["MOTO_S3_DEFAULT_MAX_KEYS"] = str(PAGE)
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout
        said = iter(process.stdout.readline, "")
        url = next(found[1] for line in said if (found := re.search(r"Running on (http://\S+)", line)))
        threading.Thread(target=deque, args=(said, 0), daemon=True).start()  # else its log fills the pipe
        yield url
        process.kill()


@pytest.fixture
def s3(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """An S3 with nothing in it, and the environment of a server that uses it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_url)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with httpx.Client(base_url=s3_url, timeout=60) as client:
        server = S3(client)
        server.reset()
        yield server


def _machine(grid: str, folder: Path) -> Machine:
    home = folder / "ana"
    home.mkdir()
    return Machine(grid, home)


@pytest.fixture
def client(shared_server: ServerProcess) -> Iterator[Client]:
    made = Client(shared_server, shared_server.add_user(f"ben-{uuid4().hex[:8]}"))
    yield made
    made.http.close()
