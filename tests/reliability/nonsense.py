"""A real HTTP server that answers what it is told to, and remembers what it was sent."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Nonsense:
    """What it answers, and the requests that it got: each with its credentials, if it had any."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    special: dict[str, bytes] = field(default_factory=dict)  # other bodies, by the end of the path
    cut: bool = False  # end the connection before a body that is not special is whole
    asked: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Nonsense]:
    """The server, until the test ends; with TLS as 127.0.0.1."""
    nonsense = Nonsense()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            nonsense.asked.append((f"{self.command} {self.path}", self.headers.get("Authorization", "")))
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            special = next((it for end, it in nonsense.special.items() if self.path.endswith(end)), None)
            body = nonsense.body if special is None else special
            self.send_response(nonsense.status)
            for name, value in nonsense.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) + 10 * (nonsense.cut and special is None)))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    nonsense.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    try:
        yield nonsense
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
