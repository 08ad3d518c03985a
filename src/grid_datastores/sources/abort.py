"""Abort a download even while the peer is silent."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from socket import SHUT_RDWR
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping

_POLL_INTERVAL = 0.25  # seconds
T = TypeVar("T")


@contextmanager
def abort_on(check: Callable[[], object]) -> Iterator[Callable[[str, Mapping[str, Any]], None]]:
    """Run `check` in a thread while the block runs. If it raises, close the block's connections and raise its error.

    Yields the trace function through which httpx reports the connections: the "trace" extension of a request.
    """
    watch = _Watchdog(check)
    watch.start()
    try:
        yield watch.trace
    except Exception as error:
        if watch.reason:
            raise watch.reason from error
        raise
    finally:
        watch.end()


def abandon_on(check: Callable[[], object], call: Callable[[], T]) -> T:
    """Return the result of `call`, which runs in a thread of its own. Meanwhile run `check` again and again.

    If `check` raises, or the handler of a signal, that is raised at once. The thread ends when its call does. This is
    for libraries that wait for a peer outside of Python, where they notice no signal.
    """
    future: Future[T] = Future()
    threading.Thread(target=_run, args=(call, future), name="call", daemon=True).start()
    while not wait([future], _POLL_INTERVAL).done:
        check()
    return future.result()


def _run(call: Callable[[], T], future: Future[T]) -> None:
    try:
        result = call()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


class _Watchdog(threading.Thread):
    def __init__(self, check: Callable[[], object]) -> None:
        super().__init__(name="cut off", daemon=True)
        self.reason: Exception | None = None
        self._check = check
        self._stopped = threading.Event()
        self._sockets: list[socket.socket] = []

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            # A duplicate, because TLS takes over the original.
            self._sockets.append(info["return_value"].get_extra_info("socket").dup())

    def run(self) -> None:
        while not self._stopped.wait(_POLL_INTERVAL):
            try:
                self._check()
            except Exception as reason:
                self.reason = reason
                self._shut_down_connections()

    def end(self) -> None:
        self._stopped.set()
        self.join()
        for connection in self._sockets:
            connection.close()

    def _shut_down_connections(self) -> None:
        for connection in tuple(self._sockets):
            with suppress(OSError):  # it is already closed
                connection.shutdown(SHUT_RDWR)
