"""Running the server process: the API and the web UI, and the workers that finish uploads and erase what is deleted."""

from __future__ import annotations

import errno
import signal
import socket
import time
from asyncio import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import uvicorn

from grid_datastores.domain.errors import InvalidInput, Refusal
from grid_datastores.domain.text import os_reason
from grid_datastores.server.app import create_app
from grid_datastores.server.guard import Hosts
from grid_datastores.server.ui import link_path
from grid_datastores.service import Service, open_service
from grid_datastores.service.finishing import FETCHED, MOST_FETCHES, RECEIVED
from grid_datastores.service.removal import Worker
from grid_datastores.service.run_locks import LivingRuns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import FrameType

    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

    from grid_datastores.domain.model import User
    from grid_datastores.server.state import State
    from grid_datastores.settings import Settings

FIRST_USER = "admin"
FINISHERS = 3  # received versions that are checked or packed at once
FETCHERS = 3 * MOST_FETCHES  # versions that are fetched at once
ENDING = 3.0  # seconds that workers have to end; what they leave is taken up by the next start
STALLED = 5  # seconds that requests under way have to end when the server stops
_OPENED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a server that listens everywhere is opened here
_PORTS = (errno.EADDRINUSE, errno.EACCES)  # what another port helps against
LONGEST_REST = 30.0  # seconds after which a worker looks for work by itself


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the operator is told when the server is ready.

    Where clients reach it, and where it listens; the first user with their key, when just made; and a link that signs a
    user in, once.
    """

    url: str
    listening: str
    first: tuple[User, str] | None
    user: User
    link: str


def serve(settings: Settings, host: str, port: int, ready: Callable[[Welcome], object]) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP. `ready` hears what to tell the operator."""
    listener = _listen(host, port)
    workers: list[Worker] = []
    service = open_service(settings, queued=lambda: _wake(workers))
    service.context.leases.renew()  # while the server was away, no heartbeat and no bytes could arrive
    every = max(1.0, min(settings.limits.lease, settings.limits.upload_expiry, 2 * LONGEST_REST) / 2)
    runs = LivingRuns(settings.data / "runs")  # commands on this folder run here, too
    workers += _workers(service, runs, every)
    for worker in workers:
        worker.start()
    try:
        _run(service, listener, _hosts(settings, host), settings, ready)
    finally:
        service.finishing.stop()
        _end(workers)
        service.context.catalog.close()
        listener.close()


def _workers(service: Service, runs: LivingRuns, every: float) -> list[Worker]:
    """Fetches have workers of their own: they can take a day, and hold up nothing that is there already."""
    finish = service.finishing.finish_waiting
    return [
        *(Worker(f"finishing {n}", partial(finish, RECEIVED), every) for n in range(1, FINISHERS + 1)),
        *(Worker(f"fetching {n}", partial(finish, FETCHED), every) for n in range(1, FETCHERS + 1)),
        Worker("tidying", partial(service.tidy, runs.lives), every),
    ]


def _hosts(settings: Settings, listening: str) -> Hosts:
    public = urlsplit(settings.public_url).hostname
    return Hosts.of(listening, (*settings.answered_hosts, *([public] if public else [])))


def _run(
    service: Service,
    listener: socket.socket,
    hosts: Hosts,
    settings: Settings,
    ready: Callable[[Welcome], object],
) -> None:
    host, port = listener.getsockname()[:2]
    host = _OPENED.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    app = create_app(service, hosts, settings.public_url)
    config = uvicorn.Config(
        _stoppable(app),
        log_config=None,  # what uvicorn logs is printed as everything else is
        log_level="warning",
        access_log=False,
        lifespan="off",
        proxy_headers=bool(settings.trusted_proxies),  # anybody can send them
        forwarded_allow_ips=trusted_addresses(settings.trusted_proxies),
        timeout_graceful_shutdown=STALLED,
    )
    server = uvicorn.Server(config)
    listening = f"http://{shown}:{port}"
    ready(_welcome(app.state.grid, settings.public_url or listening, listening))

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn ends by raising the signal again, for these to take it: the caller still has workers to stop.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, stop)
    server.run(sockets=[listener])


def trusted_addresses(proxies: tuple[str, ...]) -> list[str]:
    """The proxies as uvicorn wants them: IPv4 ones also in the form that they have where the server listens at `::`."""
    named = [ip_network(proxy) for proxy in proxies if proxy != "*"]
    mapped = [f"::ffff:{net.network_address}/{96 + net.prefixlen}" for net in named if net.version == 4]
    return [*proxies, *mapped]


def _welcome(state: State, url: str, listening: str) -> Welcome:
    accounts = state.service.accounts
    first = accounts.first(FIRST_USER)
    user = first[0] if first else accounts.oldest()
    assert user
    return Welcome(url, listening, first, user, f"{url}{link_path(state.links.new(user))}")


def _stoppable(app: FastAPI) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """A request that is ended because the server stops is no failure to be logged."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(CancelledError):
            await app(scope, receive, send)

    return call


def _end(workers: list[Worker]) -> None:
    """A worker can be held up by a source that sends nothing: what it does is as safe as in a power cut."""
    for worker in workers:
        worker.stop()
    deadline = time.monotonic() + ENDING
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))


def _wake(workers: list[Worker]) -> None:
    for worker in workers:
        worker.wake()


def _listen(host: str, port: int) -> socket.socket:
    """Bind before anything else is done, so that a taken port is told in one sentence."""
    if not host:
        raise InvalidInput("The address to listen at is empty; give one with --host, as 127.0.0.1.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or else asyncio lets each answer wait for an acknowledgement: 40 ms on a connection that is kept.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        said = f"The server cannot listen at {host}:{port}: {os_reason(error)}."
        if error.errno in _PORTS:
            raise Refusal(f"{said} Choose another with --port.") from error
        raise InvalidInput(f"{said} Choose another with --host.") from error
    except UnicodeError as error:
        listener.close()
        raise InvalidInput(
            f"The server cannot listen at {host[:60]!r}: that is no host. Choose another with --host."
        ) from error
    listener.listen(128)
    return listener
