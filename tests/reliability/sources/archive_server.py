"""A web server on this machine that answers as a test says, over HTTP or HTTPS."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Handler"], None]


class ArchiveServer(ThreadingHTTPServer):
    """`answers` says what to do by path; `seen` keeps the path and the Host header of every request."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Answer] = {}
        self.seen: list[tuple[str, str]] = []
        self.released = threading.Event()
        self._scheme = "https" if tls else "http"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Where `path` is, under any name for this machine."""
        return f"{self._scheme}://{host}:{self.port}{path}"

    def serve(self, path: str, body: bytes, length: int | None = None, **headers: str) -> str:
        """Answer with `body`, announced as `length` bytes; returns the URL."""

        def answer(handler: Handler) -> None:
            handler.begin(200, {"Content-Length": str(len(body) if length is None else length), **headers})
            handler.wfile.write(body)

        self.answers[path] = answer
        return self.url(path)

    def redirect(self, path: str, to: str, status: int = 302) -> str:
        """Answer that it is elsewhere; returns the URL."""

        def answer(handler: Handler) -> None:
            handler.close_connection = False
            handler.begin(status, {"Location": to, "Content-Length": "0"})

        self.answers[path] = answer
        return self.url(path)

    def refuse(self, path: str, status: int, body: bytes = b"", **headers: str) -> str:
        """Answer with an error; returns the URL."""

        def answer(handler: Handler) -> None:
            handler.begin(status, {"Content-Length": str(len(body)), **headers})
            handler.wfile.write(body)

        self.answers[path] = answer
        return self.url(path)

    def stop(self) -> None:
        """End all answers and the server."""
        self.released.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is what many of these tests are about."""


class Handler(BaseHTTPRequestHandler):
    """One request; after a redirect the connection stays open for the next."""

    protocol_version = "HTTP/1.1"
    server: ArchiveServer

    def do_GET(self) -> None:
        """Answer as the test says."""
        self.close_connection = True
        path = self.path.partition("?")[0]
        self.server.seen.append((self.path, self.headers["Host"]))
        self.server.answers.get(path, lambda handler: handler.send_error(404))(self)

    do_HEAD = do_GET

    def begin(self, status: int, headers: dict[str, str]) -> None:
        """Send the status and the headers."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
