"""Connections whose clients do nothing, or almost nothing, at a real server with a short timeout."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from typing import Any

import pytest
import uvicorn

from grid_datastores.server import connections
from grid_datastores.server.connections import ConnectionLimits, TimedProtocol

_GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
_POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"
_TIMEOUT = 0.4  # seconds, where a client has to be disconnected
_PATIENT = 3.0  # seconds, where one must not be, also on a machine that is busy elsewhere
_MUCH = 64 * 2**20  # bytes, more than buffers hold


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the body, or with much more than buffers hold, at once or in pieces."""
    body, more = b"", True
    if scope["path"] == "/busy":
        await asyncio.sleep(1.5 * _PATIENT)
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message.get("body", b""), message.get("more_body", False)
    pieces = {"/much": [bytes(_MUCH)], "/pieces": [bytes(2**20)] * (_MUCH // 2**20)}.get(scope["path"], [body])
    length = b"%d" % sum(map(len, pieces))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def _serving(limits: ConnectionLimits) -> Iterator[tuple[str, int]]:
    config = uvicorn.Config(
        _app,
        http=partial(TimedProtocol, limits=limits),  # type: ignore[arg-type]
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        address = listener.getsockname()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield address
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    with _serving(ConnectionLimits(_TIMEOUT)) as found:
        yield found


@pytest.fixture
def patient() -> Iterator[tuple[str, int]]:
    """The address of a server that waits longer."""
    with _serving(ConnectionLimits(_PATIENT)) as found:
        yield found


def _is_closed(client: socket.socket) -> bool:
    """Waits until the server has closed the connection; fails if it answers instead."""
    client.settimeout(30)
    try:
        return client.recv(1000) == b""
    except ConnectionResetError:
        return True


def _drip(client: socket.socket, pieces: bytes, pause: float) -> bool:
    """Send a byte at a time, with pauses in seconds. Whether the server took them all."""
    for piece in pieces:
        try:
            client.sendall(bytes([piece]))
        except OSError:
            return False
        threading.Event().wait(pause)
    return True


@pytest.mark.proves("idle-connections-end")
@pytest.mark.parametrize("sent", [b"", _GET[:20], _POST, _POST + b"12345"], ids=["idle", "headers", "body", "half"])
def test_a_client_that_stops_is_disconnected(address: tuple[str, int], sent: bytes) -> None:
    with socket.create_connection(address) as client:
        client.sendall(sent)
        assert _is_closed(client)


@pytest.mark.proves("idle-connections-end")
def test_headers_have_to_arrive_in_time_however_steadily_they_drip(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as client:
        assert not _drip(client, _GET, _TIMEOUT / 4)


@pytest.mark.proves("slow-transfers-live")
def test_a_slow_body_lives_as_long_as_it_makes_progress(patient: tuple[str, int]) -> None:
    with socket.create_connection(patient) as client:
        client.sendall(_POST)
        assert _drip(client, b"0123456789", _PATIENT / 8), "which takes longer than the timeout"
        assert client.recv(1000).startswith(b"HTTP/1.1 200")


@pytest.mark.proves("slow-transfers-live")
def test_the_time_that_the_server_needs_does_not_count(patient: tuple[str, int]) -> None:
    """The server asks for the body after the timeout; the client then needs most of its own."""
    with socket.create_connection(patient) as client:
        client.settimeout(30)
        client.sendall(
            _POST.replace(b"POST /", b"POST /busy").replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
        )
        assert client.recv(1000).startswith(b"HTTP/1.1 100")
        threading.Event().wait(_PATIENT / 2)
        client.sendall(b"0123456789")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")


@pytest.mark.proves("idle-connections-end")
def test_a_client_that_does_not_read_is_disconnected(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as client:
        client.sendall(_GET.replace(b"GET /", b"GET /much"))
        client.settimeout(30)
        threading.Event().wait(4 * _TIMEOUT)  # the claim is about this time; the kernel first fills its buffers
        received = 0
        with suppress(ConnectionResetError):
            while piece := client.recv(2**20):
                received += len(piece)
        assert received < _MUCH


@pytest.mark.proves("slow-transfers-live")
@pytest.mark.parametrize("path", [b"/much", b"/pieces"])
def test_a_slow_reader_lives_as_long_as_it_reads(patient: tuple[str, int], path: bytes) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)  # the kernel takes nothing in advance
        client.connect(patient)
        client.settimeout(30)
        client.sendall(_GET.replace(b"GET /", b"GET " + path))
        received = sum(len(client.recv(2**14)) for _ in range(60) if not threading.Event().wait(_PATIENT / 40))
        while piece := client.recv(2**20):
            received += len(piece)
            if received > _MUCH:
                break
        assert received > _MUCH


@pytest.mark.proves("connections-make-room")
def test_the_connection_that_waits_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_FRESH", 0.0)
    with _serving(ConnectionLimits(60, maximum=3)) as address, ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(address)) for _ in range(3)]
        for client in idle[1:]:  # answered, so that the server has seen them, and later than the first
            client.sendall(_GET)
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
        last = stack.enter_context(socket.create_connection(address))
        last.sendall(_GET)
        assert last.recv(1000).startswith(b"HTTP/1.1 200")
        assert _is_closed(idle[0])


@pytest.mark.proves("connections-make-room")
def test_while_all_make_progress_a_further_client_is_asked_to_come_again() -> None:
    with _serving(ConnectionLimits(60, maximum=1)) as address, socket.create_connection(address) as busy:
        busy.sendall(_POST)
        with socket.create_connection(address) as further:
            said = further.recv(1000)
        assert said.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: 1" in said
        busy.sendall(b"0123456789")
        assert busy.recv(1000).startswith(b"HTTP/1.1 200")


def test_there_are_fewer_connections_than_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: None)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (64, 256))
    assert ConnectionLimits.of_this_process().maximum == (256 - 64) // 3
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1024, resource.RLIM_INFINITY))
    assert ConnectionLimits.of_this_process().maximum == 1000


@pytest.mark.parametrize("protocol", ["websocket", "WebSocket", "h2c"])
def test_a_request_for_another_protocol_is_answered_as_a_plain_one(
    address: tuple[str, int], caplog: pytest.LogCaptureFixture, protocol: str
) -> None:
    wanted = (
        f"Upgrade: {protocol}\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AA==\r\n\r\n"
    )
    with socket.create_connection(address, timeout=_PATIENT) as client:
        client.sendall(_GET.removesuffix(b"\r\n") + wanted.encode())
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    assert caplog.text == ""
