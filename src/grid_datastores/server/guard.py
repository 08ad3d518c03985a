"""Check every request before the app sees it: its host name and size. Set security headers on every response."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException

from grid_datastores.domain.errors import Busy, HostRefused, TooLarge
from grid_datastores.server.answers import json_refusal
from grid_datastores.server.head import answer_head

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Only scripts, styles and images of this server, none of them inline. No other site may frame a page.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # The forms of these pages send their URL to this server, which needs it, and to no other site.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

MAX_BODY = 1024 * 1024  # bytes
MAX_BODY_BEFORE_SIGN_IN = 64 * 1024  # bytes, for requests that are read before the user is known, and for forms
MAX_OBJECTS_BODY = 16 * 1024 * 1024  # bytes, for requests that list objects and their parts
_OBJECTS = re.compile(r"/v1/core/[^/]+/datastores/[^/]+/presigned-urls(/completed)?")
# Bodies that are processed piece by piece and have limits of their own: parts, manifests, and forms with files.
_STREAMED = re.compile(r"PUT (/v1/uploads/.*|/v1/core/[^/]+/datastores/[^/]+/manifest)|POST /upload")


@dataclass(frozen=True, slots=True)
class Hosts:
    """The host names that the server answers to. `any_address` is set if it listens on all addresses of its machine."""

    names: frozenset[str]
    any_address: bool

    @classmethod
    def of(cls, listening: str, allowed: Iterable[str] = ()) -> Hosts:
        """Return the machine's own names, the address to listen on, and the names that the operator allows."""
        own = ("localhost", "127.0.0.1", "::1", listening)
        return cls(frozenset(name.lower() for name in (*own, *allowed)), listening in ("0.0.0.0", "::"))  # noqa: S104

    def accepts(self, header: str) -> bool:
        """Return whether the Host header names this server, as a protection against DNS rebinding.

        After rebinding, a page of another site still sends the name of that site. An address cannot be rebound, so a
        server that listens on all addresses accepts every address.
        """
        name = _name(header)
        return name in self.names or (self.any_address and _is_address(name))


class Guard:
    """ASGI middleware. Refuses requests for other hosts and too large requests, and sets the security headers."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)  # a route can set a stricter policy of its own
                if message["status"] == Busy.status:
                    headers.setdefault("Retry-After", str(Busy.RETRY_AFTER))
            await send(message)

        host = Headers(scope=scope).get("host", "")
        app = self._app if self._hosts.accepts(host) else json_refusal(HostRefused.of(host))
        if scope["method"] == "HEAD":
            await answer_head(app, scope, receive, send_with_headers)
        else:
            await app(scope, _limited(scope, receive), send_with_headers)


def _limited(scope: Scope, receive: Receive) -> Receive:
    """Return `receive`, which raises `HTTPException` when the body is larger than the path allows."""
    if _STREAMED.fullmatch(f"{scope['method']} {scope['path']}"):
        return receive
    limit, received = _max_body(scope["path"]), 0
    announced = Headers(scope=scope).get("content-length", "0")

    async def receive_limited() -> Message:
        nonlocal received
        message: Message = {} if _exceeds(announced, limit) else await receive()
        received += len(message.get("body", b""))
        if not message or received > limit:
            # An HTTPException, because the code that reads bodies would turn any other exception into its own.
            raise HTTPException(TooLarge.status, TooLarge.than(limit).public_message)
        return message

    return receive_limited


def _exceeds(announced: str, limit: int) -> bool:
    """Return whether the Content-Length header is larger than the limit, so that nothing of the body is read."""
    return announced.isascii() and announced.isdigit() and int(announced[:20]) > limit


def _max_body(path: str) -> int:
    if path == "/v1/auth/login" or not path.startswith("/v1/"):
        return MAX_BODY_BEFORE_SIGN_IN
    return MAX_OBJECTS_BODY if _OBJECTS.fullmatch(path) else MAX_BODY


def _name(header: str) -> str:
    """Return the name or address in a Host header, without the port."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
