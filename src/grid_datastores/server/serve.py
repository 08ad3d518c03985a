"""Run the server process: the API, the web UI, and the workers that finish uploads and erase deleted versions."""

from __future__ import annotations

import errno
import logging
import signal
import socket
import time
from asyncio import CancelledError
from dataclasses import dataclass
from functools import lru_cache, partial
from ipaddress import ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import uvicorn

from grid_datastores.domain.errors import InvalidInput, Refusal
from grid_datastores.domain.text import os_reason
from grid_datastores.server.app import create_app, is_cut_short
from grid_datastores.server.connections import ConnectionLimits, TimedProtocol, close_connection
from grid_datastores.server.guard import Hosts
from grid_datastores.server.ui import link_path
from grid_datastores.service import Service, open_service
from grid_datastores.service.finishing import FETCHED_KINDS, UPLOADED_KINDS
from grid_datastores.service.removal import Worker
from grid_datastores.service.run_locks import RunLocks
from grid_datastores.service.turns import MAX_FETCHES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import FrameType

    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

    from grid_datastores.domain.model import User
    from grid_datastores.server.state import State
    from grid_datastores.settings import Settings

FIRST_USER = "admin"
MAX_FINISHING = 3  # uploaded versions that are checked or packed at the same time
WORKER_STOP_TIMEOUT = 3.0  # seconds; the next start continues work that has not finished by then
REQUEST_STOP_TIMEOUT = 5  # seconds that open requests have to finish when the server stops
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - browsers cannot open a wildcard address
_PORT_ERRORS = (errno.EADDRINUSE, errno.EACCES)  # errors that another port can avoid
TRANSFERS_INTERVAL = 1.0  # seconds after which transfers end of a version that another process deleted
REMOVAL_PAUSE = 0.2  # seconds between two removals; those that were deleted meanwhile are removed together
MAX_POLL_INTERVAL = 30.0  # seconds after which a worker looks for work without being woken


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the operator needs to know when the server is ready."""

    url: str  # at which clients reach the server
    listening_url: str
    first: tuple[User, str] | None  # the first user and their key, if they were just added
    user: User
    link: str  # signs `user` in once


def serve(settings: Settings, host: str, port: int, ready: Callable[[Welcome], object]) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP. Call `ready` once, when the server listens."""
    listener = _listen(host, port)
    workers: list[Worker] = []
    removal: list[Worker] = []
    service = open_service(
        settings,
        wake_workers=lambda: _wake(workers),
        wake_removal=lambda: _wake(removal),
        on_damage=_log_damage,
    )
    service.renew_leases()
    interval = max(1.0, min(settings.limits.lease, settings.limits.upload_expiry, 2 * MAX_POLL_INTERVAL) / 2)
    runs = RunLocks(settings.data / "runs")  # `grid run` can also work on this folder without the server
    removal.append(Worker("removing", service.erase_deleted, interval, pause=REMOVAL_PAUSE))
    workers += _workers(service, runs, interval)
    for worker in (*workers, *removal):
        worker.start()
    try:
        _run(service, listener, _hosts(settings, host), settings, ready)
    finally:
        service.finishing.stop()
        _stop([*workers, *removal])
        service.close()
        listener.close()


@lru_cache(maxsize=1000)
def _log_damage(what: str) -> None:
    """Tell the operator once for each damaged file, however often it is requested."""
    _log.error("%s and is not sent. Restore it from a backup.", what)


def _workers(service: Service, runs: RunLocks, interval: float) -> list[Worker]:
    """Return the workers. Fetches have their own, because they can take a day and must not delay other work."""
    finish = service.finishing.finish_waiting
    return [
        *(Worker(f"finishing {n}", partial(finish, UPLOADED_KINDS), interval) for n in range(1, MAX_FINISHING + 1)),
        *(Worker(f"fetching {n}", partial(finish, FETCHED_KINDS), interval) for n in range(1, MAX_FETCHES + 1)),
        Worker("tidying", partial(service.end_expired, runs.is_alive), interval),
        Worker("ending transfers", service.end_readers_of_deleted, TRANSFERS_INTERVAL),
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
    host = _LOOPBACK.get(host, host)
    url_host = f"[{host}]" if ":" in host else host
    app = create_app(service, hosts, settings.public_url, settings.guide_url)
    config = uvicorn.Config(
        _stoppable(app),
        http=partial(TimedProtocol, limits=ConnectionLimits.of_this_process()),  # type: ignore[arg-type]
        ws="none",
        log_config=None,  # uvicorn then uses the log configuration of this process
        log_level="warning",
        access_log=False,
        lifespan="off",
        proxy_headers=bool(settings.trusted_proxies),  # without a trusted proxy, any client could forge these headers
        forwarded_allow_ips=trusted_addresses(settings.trusted_proxies),
        timeout_graceful_shutdown=REQUEST_STOP_TIMEOUT,
    )
    server = uvicorn.Server(config)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn raises the signal again when it ends. These handlers catch it, because workers must still be stopped.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
        signal.signal(signal.SIGHUP, stop)
    listening_url = f"http://{url_host}:{port}"
    ready(_welcome(app.state.grid, settings.public_url or listening_url, listening_url))
    server.run(sockets=[listener])


def trusted_addresses(proxies: tuple[str, ...]) -> list[str]:
    """Return the proxies for uvicorn, IPv4 ones also mapped to IPv6, because a server on `::` sees them like that."""
    named = [ip_network(proxy) for proxy in proxies if proxy != "*"]
    mapped = [f"::ffff:{net.network_address}/{96 + net.prefixlen}" for net in named if net.version == 4]
    return [*proxies, *mapped]


def _welcome(state: State, url: str, listening_url: str) -> Welcome:
    accounts = state.service.accounts
    first = accounts.first(FIRST_USER)
    user = first[0] if first else accounts.oldest()
    assert user
    return Welcome(url, listening_url, first, user, f"{url}{link_path(state.links.new(user))}")


def _stoppable(app: FastAPI) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return the app, without tracebacks in the log for requests that end early for a reason that is known.

    Those are cancelled when the server stops, or refused after their answer has begun, for example because a file is
    damaged. The connection is closed, so that the client sees that the answer is incomplete.
    """

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except CancelledError:
            pass
        except RuntimeError as error:
            if not is_cut_short(error):
                raise
            await close_connection(scope, receive)

    return call


def _stop(workers: list[Worker]) -> None:
    """Stop the workers. Leave one that waits for a silent source: its work survives a crash, so also this."""
    for worker in workers:
        worker.stop()
    deadline = time.monotonic() + WORKER_STOP_TIMEOUT
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))


def _wake(workers: list[Worker]) -> None:
    for worker in workers:
        worker.wake()


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises a refusal if the address cannot be used, before the server starts anything."""
    if not host:
        raise InvalidInput("The address to listen on is empty. Give one with --host, for example 127.0.0.1.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With IPPROTO_TCP, asyncio disables Nagle's algorithm, which delays each response on a kept connection by 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        message = f"The server cannot listen on {host}:{port}: {os_reason(error)}."
        if error.errno in _PORT_ERRORS:
            raise Refusal(f"{message} Choose another port with --port.") from error
        raise InvalidInput(f"{message} Choose another address with --host.") from error
    except UnicodeError as error:
        listener.close()
        raise InvalidInput(
            f"The server cannot listen on {host[:60]!r}: this is not a host name. Choose another address with --host."
        ) from error
    listener.listen(128)
    return listener
