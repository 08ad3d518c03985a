"""Clients that send or read next to nothing, while honest ones work: these are served, and memory stays bounded."""

from __future__ import annotations

import json
import os
import resource
import socket
import threading
import time
from contextlib import closing, suppress
from random import Random
from urllib.parse import urlsplit

import httpx

from acceptance.server import ServerProcess
from acceptance.waiting import wait_until
from reliability.hostile import Client
from trust.attack import Attack, Figures
from trust.machines import scratch, server_in

_CONNECTIONS, _REFUSED, _MEMORY, _HELD, _TRACEBACKS = (
    "slow connections",
    "honest requests that were not served",
    "servers that took too much memory",
    "servers that kept ended connections",
    "tracebacks",
)
_WAVE = 400  # connections at a time
_DRIP_INTERVAL = 0.5  # seconds
_MOST_MEMORY = 200 * 2**20  # bytes more than before
_LARGE = 8 * 2**20  # bytes of the file that nobody reads
_HONEST = 6  # rounds of honest work in a wave
_KINDS = ("idle", "half headers", "half a body", "half of a part", "never reads")


def run(budget: int, seed: int) -> Figures:
    """Open so many slow connections."""
    figures, random = Figures(), Random(seed)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    try:
        with scratch() as folder, server_in(folder) as server:
            _attack(figures, random, server, budget)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return figures


def _attack(figures: Figures, random: Random, server: ServerProcess, budget: int) -> None:
    client = Client(server, server.add_user("ana"))
    with closing(client.http):
        version = client.begin()
        client.send(version, bytes(_LARGE), "large.bin")
        assert client.finish(version)[0] == "SUCCEEDED"
        _work(client, random)
        memory, descriptors = server.peak(), _descriptors(server)
        while figures.counts[_CONNECTIONS] < budget:
            _wave(figures, random, client, version, min(_WAVE, budget - figures.counts[_CONNECTIONS]))
        grown = server.peak() - memory
        figures.counts["MiB that the server took more"] = grown // 2**20
        figures.check(grown < _MOST_MEMORY, _MEMORY, f"{grown / 2**20:.0f} MiB more than before")
        with figures.checking(_HELD, "after all had ended"):
            wait_until(lambda: _descriptors(server) <= descriptors + 20, "their descriptors are closed")
        log = (server.folder / "serve.log").read_text()
        figures.check("Traceback" not in log, _TRACEBACKS, log[-2000:])


def _wave(figures: Figures, random: Random, client: Client, version: str, count: int) -> None:
    upload = client.begin()
    slow = [_Slow(random.choice(_KINDS), client, version, upload) for _ in range(count)]
    figures.count(_CONNECTIONS, count)
    stopped = threading.Event()
    dripping = threading.Thread(target=_drip, args=(slow, stopped))
    dripping.start()
    try:
        for _ in range(_HONEST):
            began = time.monotonic()
            try:
                _work(client, random)
            except (httpx.HTTPError, AssertionError) as error:
                figures.fault(_REFUSED, f"{error!r} beside {count} slow connections")
            figures.count("honest rounds of work")
            figures.counts["milliseconds of the longest round"] = max(
                figures.counts["milliseconds of the longest round"], int((time.monotonic() - began) * 1000)
            )
    finally:
        stopped.set()
        dripping.join()
        for one in slow:
            one.end()
    client.http.delete(f"{upload}/upload").raise_for_status()


def _work(client: Client, random: Random) -> None:
    """Create a version, read it and delete it."""
    content = random.randbytes(1000)
    path = client.begin()
    client.send(path, content)
    assert client.finish(path)[0] == "SUCCEEDED"
    files = client.http.get(f"/v1/core/datastores/{path.rpartition('/')[2]}/files").raise_for_status().json()["files"]
    assert httpx.get(files[0]["url"], timeout=30).content == content
    client.http.delete(path).raise_for_status()


def _drip(slow: list[_Slow], stopped: threading.Event) -> None:
    while not stopped.wait(_DRIP_INTERVAL):
        for one in slow:
            one.drip()


def _descriptors(server: ServerProcess) -> int:
    assert server._process
    return len(os.listdir(f"/proc/{server._process.pid}/fd"))  # noqa: PTH208


class _Slow:
    """One slow connection."""

    def __init__(self, kind: str, client: Client, version: str, upload: str) -> None:
        url = urlsplit(client.server.url)
        self._kind = kind
        self._socket = socket.create_connection((url.hostname, url.port), timeout=30)
        if kind == "never reads":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with suppress(OSError):
            self._socket.sendall(self._begins(client, version, upload).encode())

    def _begins(self, client: Client, version: str, upload: str) -> str:
        """What it sends at once."""
        host = f"Host: {urlsplit(client.server.url).netloc}\r\n"
        request = client.http.build_request("GET", "/")
        signed_in = next(httpx.BasicAuth(*client.user).auth_flow(request)).headers["authorization"]
        authorization = f"Authorization: {signed_in}\r\n"
        length = "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n"
        if self._kind == "half headers":
            return f"GET /v1/core/local/datastores HTTP/1.1\r\n{host}X-Slow: "
        if self._kind == "half a body":
            return f"POST /v1/core/sessions HTTP/1.1\r\n{host}{authorization}{length}{{"
        if self._kind == "half of a part":
            return f"PUT {upload}/manifest HTTP/1.1\r\n{host}{authorization}{length}"
        if self._kind == "never reads":
            return f"GET {version}/objects/{_object(client, version)} HTTP/1.1\r\n{host}{authorization}\r\n"
        return ""

    def drip(self) -> None:
        """Send a byte, where it has something to send; the server may have ended the connection."""
        if self._kind.startswith("half"):
            with suppress(OSError):
                self._socket.send(b" ")

    def end(self) -> None:
        """Close it."""
        self._socket.close()


def _object(client: Client, version: str) -> str:
    manifest = client.http.get(f"{version}/manifest").raise_for_status().text
    return str(json.loads(manifest.splitlines()[0])[3])


ATTACK = Attack(
    "slow",
    "Clients that send or read next to nothing",
    _CONNECTIONS,
    (_REFUSED, _MEMORY, _HELD, _TRACEBACKS),
    run,
    bounded=100,
    long=4_000,
)
