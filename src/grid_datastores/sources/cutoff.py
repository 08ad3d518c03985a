"""A fetch ends when it should also where its source sends nothing that it could notice it by."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from socket import SHUT_RDWR
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping

_BETWEEN = 0.25  # seconds between two checks


@contextmanager
def cut_off(check: Callable[[], object]) -> Iterator[Callable[[str, Mapping[str, Any]], None]]:
    """Cuts the connections of a block off, and raises what `check` raises.

    Gives the "trace" that tells of the connections: an extension of httpx's requests.
    """
    watch = _Watch(check)
    watch.start()
    try:
        yield watch.trace
    except Exception as error:
        if watch.reason:
            raise watch.reason from error
        raise
    finally:
        watch.end()


class _Watch(threading.Thread):
    def __init__(self, check: Callable[[], object]) -> None:
        super().__init__(name="cut off", daemon=True)
        self.reason: Exception | None = None
        self._check = check
        self._over = threading.Event()
        self._sockets: list[socket.socket] = []

    def trace(self, event: str, told: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            # Of its own, so that TLS may take the other over.
            self._sockets.append(told["return_value"].get_extra_info("socket").dup())

    def run(self) -> None:
        while not self._over.wait(_BETWEEN):
            try:
                self._check()
            except Exception as reason:
                self.reason = reason
                self._cut()

    def end(self) -> None:
        self._over.set()
        self.join()
        for connection in self._sockets:
            connection.close()

    def _cut(self) -> None:
        for connection in tuple(self._sockets):
            with suppress(OSError):  # it has ended by itself
                connection.shutdown(SHUT_RDWR)
