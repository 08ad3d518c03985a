"""A forward proxy, as companies have them: it connects to wherever it is asked to, and remembers where that was."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass
class ForwardProxy:
    """Its address; what it was asked for, as `METHOD TARGET`; and with which credentials."""

    url: str = ""
    refusal: int = 0  # the status of all that it answers, if it refuses
    asked: list[str] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)


@contextmanager
def forward_proxy(tls: ssl.SSLContext | None = None) -> Iterator[ForwardProxy]:
    """The proxy, until the test ends; it may speak TLS itself."""
    proxy = ForwardProxy()

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            """Be a tunnel."""
            if not self._allowed():
                return
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port))) as far:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=_pump, args=(far, self.connection))
                back.start()
                _pump(self.connection, far)
                back.join()
            self.close_connection = True

        def forward(self) -> None:
            """Ask for what is named by a whole address."""
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if not self._allowed():
                return
            parts = urlsplit(self.path)
            far = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
            headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
            far.request(self.command, f"{parts.path}?{parts.query}".rstrip("?"), body, headers)
            answer = far.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            far.close()

        do_GET = do_POST = do_PUT = do_DELETE = forward

        def _allowed(self) -> bool:
            proxy.asked.append(f"{self.command} {self.path}")
            proxy.credentials.append(self.headers.get("Proxy-Authorization", ""))
            if proxy.refusal:
                self.send_error(proxy.refusal)
            return not proxy.refusal

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    proxy.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _pump(near: socket.socket, far: socket.socket) -> None:
    """What one end says, to the other, until it says no more."""
    try:
        while data := near.recv(65536):
            far.sendall(data)
        far.shutdown(socket.SHUT_WR)
    except OSError:  # the other end has gone
        pass
