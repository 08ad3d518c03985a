"""Connections of clients that make no progress end, and there are never more than the process has descriptors for."""

from __future__ import annotations

import fcntl
import resource
import sys
import termios
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send
    from uvicorn import Config
    from uvicorn.server import ServerState

CLIENT_TIMEOUT = 60.0  # seconds
MAX_CONNECTIONS = 1000
_DESCRIPTORS_PER_CONNECTION = 3  # its socket, and the files that its request reads and writes
_OTHER_DESCRIPTORS = 64  # of the catalog, the workers and the process itself
_FRESH = 1.0  # seconds; a connection that made progress since then is not closed to make room
_TRANSPORT = "grid.transport"  # in the scope of a request
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How long a connection may wait for its client, in seconds, and how many connections there may be."""

    timeout: float = CLIENT_TIMEOUT
    maximum: int = MAX_CONNECTIONS

    @classmethod
    def of_this_process(cls) -> ConnectionLimits:
        """Raise the limit on descriptors as far as allowed, and return limits that stay below it."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        room = MAX_CONNECTIONS
        if soft != resource.RLIM_INFINITY:
            room = (soft - _OTHER_DESCRIPTORS) // _DESCRIPTORS_PER_CONNECTION
        return cls(maximum=max(1, min(MAX_CONNECTIONS, room)))


async def close_connection(scope: Scope, receive: Receive) -> None:
    """Send what is written already, then close the connection of the request, whose response is incomplete."""
    if transport := scope.get(_TRANSPORT):
        transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass


def abort_connection(scope: Scope) -> None:
    """Close the connection of the request at once. Must be called in its event loop."""
    if transport := scope.get(_TRANSPORT):
        transport.abort()


class _Flow(FlowControl):
    """Calls `on_read` when the app asks for the next piece of a body."""

    def __init__(self, transport: asyncio.Transport, on_read: Callable[[], object]) -> None:
        super().__init__(transport)
        self._on_read = on_read

    def resume_reading(self) -> None:
        self._on_read()
        super().resume_reading()


class TimedProtocol(H11Protocol):
    """An HTTP connection that ends when it waits too long for its client.

    The headers of a request have to arrive as a whole within the timeout. A body, and a response that the client reads,
    only need to make progress, so that slow transfers continue. The time that the server needs does not count.

    If there are too many connections, the one that waits longest for its client makes room. If all make progress, the
    new client gets 503.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: ConnectionLimits,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._progress_at = self.loop.time()
        self._unread = 0  # when it was last counted
        self._reads_body = False  # whether the app waits for a piece of the body
        self._timer: asyncio.TimerHandle | None = None
        app = self.app

        async def app_with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, _TRANSPORT: self.transport}, receive, send)

        self.app = app_with_transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for the headers of a request."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self._begin_reading)
        self._made_progress()
        self._check()
        if len(self.connections) > self._limits.maximum:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take data. Each piece of a body is progress, but a piece of the headers is none."""
        in_body = self._in_request()
        self._reads_body = False
        super().data_received(data)
        if in_body or self._in_request():
            self._made_progress()

    def on_response_complete(self) -> None:
        """Start waiting for the next request."""
        self._made_progress()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Start waiting for the client to read."""
        self._made_progress()
        self._unread = self._count_unread()
        super().pause_writing()

    def waiting_since(self) -> float | None:
        """Return since when the connection waits for its client, on the clock of the loop, or None if it does not."""
        self._notice_reading()
        if not self._in_request():
            return self._progress_at
        sends = self._reads_body and self.cycle.more_body
        return self._progress_at if sends or self.flow.write_paused else None

    def _should_upgrade(self) -> bool:
        """Answer a request for another protocol, such as WebSocket, as the plain request that it also is."""
        return False

    def _begin_reading(self) -> None:
        self._reads_body = True
        self._made_progress()

    def _in_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _notice_reading(self) -> None:
        """Record progress if the client has read since the last call, also from a response that is complete here."""
        unread = self._count_unread()
        if unread < self._unread:
            self._made_progress()
        self._unread = unread

    def _count_unread(self) -> int:
        """Return how many bytes of responses the client has not received. The kernel holds megabytes of them."""
        count = self.transport.get_write_buffer_size()
        with suppress(OSError):  # the connection is closed, or the system cannot tell
            found = fcntl.ioctl(self.transport.get_extra_info("socket"), termios.TIOCOUTQ, bytes(4))
            count += int.from_bytes(found, sys.byteorder)
        return count

    def _made_progress(self) -> None:
        self._progress_at = self.loop.time()

    def _check(self) -> None:
        """End the connection if it has waited too long, or else check it again when that can be the case."""
        since = self.waiting_since()
        if since is None:
            self._made_progress()  # the client's time begins when it is its turn again
            since = self._progress_at
        remaining = since + self._limits.timeout - self.loop.time()
        if remaining <= 0:
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(remaining, self._check)

    def _make_room(self) -> None:
        others = [one for one in self.connections if isinstance(one, TimedProtocol) and one is not self]
        waiting = {one: since for one in others if (since := one.waiting_since()) is not None}
        longest = min(waiting, key=lambda one: waiting[one], default=None)
        if longest and waiting[longest] <= self.loop.time() - _FRESH:
            longest.transport.abort()
        else:
            self.transport.write(_BUSY)
            self.transport.close()
