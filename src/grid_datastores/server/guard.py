"""What stands before every request: the name that it was sent to, its size, and headers that keep browsers careful."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException

from grid_datastores.domain.errors import HostRefused, TooLarge
from grid_datastores.server.answers import json_refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Scripts, styles and pictures of this server only, none of them inside a page; nothing may frame a page.
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
    # Forms of these pages have to tell where they come from, to no other site.
    "Referrer-Policy": "same-origin",
}

_MOST = 1024 * 1024  # bytes of a request, which may be read before anybody knows whose it is
_MOST_OBJECTS = 16 * 1024 * 1024  # where objects and their parts are listed
_OBJECTS = re.compile(r"/v1/core/[^/]+/datastores/[^/]+/presigned-urls(/completed)?")
# What comes in pieces, each of them used up before the next: parts, manifests, and the files of a form.
_STREAMED = re.compile(r"PUT (/v1/uploads/.*|/v1/core/[^/]+/datastores/[^/]+/manifest)|POST /upload")


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names that the server answers to; `everywhere` when it listens at all addresses of its machine."""

    names: frozenset[str]
    everywhere: bool

    @classmethod
    def of(cls, listening: str, allowed: Iterable[str] = ()) -> Hosts:
        """This machine's own names, the address it listens at, and what the operator allows."""
        own = ("localhost", "127.0.0.1", "::1", listening)
        return cls(frozenset(name.lower() for name in (*own, *allowed)), listening in ("0.0.0.0", "::"))  # noqa: S104

    def known(self, header: str) -> bool:
        """Whether the Host of a request is this server.

        A page of another site whose name was bent to this machine's address still sends that name. An address cannot
        be bent, so where the server listens at all of them each is taken.
        """
        name = _name(header)
        return name in self.names or (self.everywhere and _is_address(name))


class Guard:
    """ASGI: refuses requests for other hosts and large ones, and sets the headers of every answer."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_carefully(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        host = Headers(scope=scope).get("host", "")
        app = self._app if self._hosts.known(host) else json_refusal(HostRefused.of(host))
        await app(scope, _limited(scope, receive), send_carefully)


def _limited(scope: Scope, receive: Receive) -> Receive:
    """What is received, up to the most that is taken there."""
    if _STREAMED.fullmatch(f"{scope['method']} {scope['path']}"):
        return receive
    most = _MOST_OBJECTS if _OBJECTS.fullmatch(scope["path"]) else _MOST
    taken = 0

    async def receive_less() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            # Whoever reads a body lets this exception through, and turns others into one of their own.
            raise HTTPException(TooLarge.status, TooLarge.than(most).message)
        return message

    return receive_less


def _name(header: str) -> str:
    """The name or address of a Host header, without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
