"""Sources that send a byte now and then, or none."""

from __future__ import annotations

from contextlib import suppress

from reliability.sources.archive_server import ArchiveServer, Handler

BEAT = 0.1  # seconds between two bytes


class Slow:
    """Sources on a web server that never end; `left` are the paths whose fetch was given up."""

    def __init__(self, web: ArchiveServer) -> None:
        self.web = web
        self.left: set[str] = set()

    def drip(self, path: str) -> str:
        """A byte now and then; returns the URL."""

        return self._endless(path, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"P")

    def drip_header(self, path: str) -> str:
        """A header that does not end; returns the URL."""
        return self._endless(path, b"HTTP/1.1 200 OK\r\nX-Long: ", b"x")

    def silent(self, path: str) -> str:
        """Nothing at all; returns the URL."""
        return self._endless(path, b"", b"")

    def _endless(self, path: str, first: bytes, beat: bytes) -> str:
        def answer(handler: Handler) -> None:
            handler.connection.settimeout(BEAT)
            with suppress(OSError):
                handler.wfile.write(first)
                while not self.web.released.is_set() and not _gone(handler):
                    handler.wfile.write(beat)
            self.left.add(path)

        self.web.answers[path] = answer
        return self.web.url(path)

    def start(self, way: str, path: str = "/slow.zip") -> str:
        """By the name of one of these ways; returns the URL."""
        return {"drip": self.drip, "drip header": self.drip_header, "silent": self.silent}[way](path)

    def asked(self) -> list[str]:
        """The paths that were asked for so far, in order."""
        return [path for path, _host in self.web.seen]


def _gone(handler: Handler) -> bool:
    """Whether who asked has closed the connection, after a beat in which they could have."""
    try:
        return not handler.rfile.read(1)
    except TimeoutError:
        handler.rfile = handler.connection.makefile("rb")  # one that timed out is not read again
        return False
