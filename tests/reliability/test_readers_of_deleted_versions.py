"""Whoever reads a version while it is deleted: the transfer ends, and only then are its bytes recorded as gone."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from acceptance.server import ServerProcess
from acceptance.waiting import wait_until
from grid_datastores.domain.lists import Chosen
from grid_datastores.service import open_service
from grid_datastores.settings import Limits, Settings
from reliability.machine import Machine, folder_of

_SIZE = 64 * 2**20  # bytes, more than buffers hold


@pytest.fixture
def machine(grid: str, tmp_path: Path, own_server: ServerProcess) -> Machine:
    """A machine with a version on its server that is one large file."""
    home = tmp_path / "ana"
    home.mkdir()
    machine = Machine(grid, home, own_server, own_server.add_user("ana"))
    folder = folder_of(home, {"large.bin": b""})
    os.truncate(folder / "large.bin", _SIZE)
    assert machine.create(folder) == 1
    return machine


@contextmanager
def _slow_reader(machine: Machine) -> Iterator[socket.socket]:
    """A client that has read the first bytes of the file, and reads no more."""
    assert machine.server
    with httpx.Client(base_url=machine.server.url, auth=machine.user) as http:
        (version,) = http.get("/v1/core/local/datastores").json()["datastores"]
        (file,) = http.get(f"/v1/core/datastores/{version['id']}/files").json()["files"]
    url = urlsplit(file["url"])
    with closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect((url.hostname, url.port))
        client.sendall(f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        yield client


def _open_files(server: ServerProcess) -> list[str]:
    """The files of versions that the server has open."""
    assert server._process
    found = []
    for descriptor in Path(f"/proc/{server._process.pid}/fd").iterdir():
        try:
            found.append(str(descriptor.readlink()))
        except FileNotFoundError:
            continue
    return [path for path in found if path.startswith(f"{server.data}/")]


def _history(machine: Machine) -> str:
    shown = machine.run("datastore", "show", "--name", "data", "--version", "1").done()
    return shown.partition("History")[2]


def _received(client: socket.socket) -> int:
    """How many more bytes arrive until the connection ends."""
    count = 0
    try:
        while piece := client.recv(2**20):
            count += len(piece)
    except ConnectionResetError:
        pass
    return count


@pytest.mark.proves("readers-of-deleted-versions-end", "bytes-gone-without-readers")
def test_a_slow_reader_is_disconnected_before_the_bytes_are_recorded_as_gone(machine: Machine) -> None:
    assert machine.server
    with _slow_reader(machine) as client:
        assert _open_files(machine.server)
        machine.run("datastore", "delete", "--name", "data", "--version", "1").done()
        wait_until(lambda: "bytes gone" in _history(machine), "the bytes are gone")
        assert _open_files(machine.server) == []
        assert _received(client) < _SIZE
    assert _history(machine).count("bytes gone") == 1
    assert (machine.server.folder / "serve.log").read_text() == ""


@pytest.mark.proves("readers-of-deleted-versions-end", "bytes-gone-without-readers")
def test_a_deletion_in_another_process_ends_the_readers_of_a_server(machine: Machine) -> None:
    assert machine.server
    assert machine.user
    folder = machine.server.folder
    service = open_service(Settings(folder, folder / "data" / "catalog.sqlite", Limits()), lambda: None)
    with closing(service), _slow_reader(machine) as client:
        ana = service.accounts.get(machine.user.user_id)
        (version,) = service.listing.all(ana, Chosen())
        service.deletion.delete(ana, version.id)
        assert service.erase_deleted(), "the server has the file open"
        assert service.reading.details(ana, version.id).version.bytes_gone_at is None
        assert [path.stat().st_size for path in (machine.server.data / version.id).iterdir()] == [0]
        assert _received(client) < _SIZE
        wait_until(lambda: not service.erase_deleted(), "the server has closed the file")
    assert _history(machine).count("bytes gone") == 1
