"""Where clients reach the server: scheme, host and port. Everything that hands out or compares an address asks here."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Depends, Request

from grid_datastores.domain.errors import CrossOriginForm

_SAFE = ("GET", "HEAD", "OPTIONS")  # methods that change nothing
_SENT_BY_US = ("same-origin", "none")  # a page of this server, or the browser itself when it repeats a request


def origin(request: Request) -> str:
    """Where the client of this request reaches the server, for example `https://grid.example`; no slash at the end.

    GRID_PUBLIC_URL decides where it is set. Elsewhere it is the Host that the client sent, with the scheme of its
    connection: that is what X-Forwarded-Proto says, if a proxy sent it that the operator has named.
    """
    return request.app.state.public_url or str(request.base_url).rstrip("/")


def is_secure(request: Request) -> bool:
    """Whether the client speaks TLS, to the server or to a proxy before it."""
    return origin(request).startswith("https://")


def is_own(request: Request, address: str) -> bool:
    """Whether an address that a browser tells is of this server.

    Without GRID_PUBLIC_URL the schemes are not compared: an unnamed proxy may speak TLS where the server does not.
    """
    told = urlsplit(address)
    public = request.app.state.public_url
    return told.netloc == request.headers.get("host") or (public != "" and f"{told.scheme}://{told.netloc}" == public)


def check_same_origin(request: Request) -> None:
    """A request that changes something was sent from a page of this server; raises `CrossOriginForm`.

    Browsers say so in Sec-Fetch-Site and, over plain HTTP, in Origin; no page can set either. Without both the request
    is refused. Together with the cookie, which is SameSite=Strict, this is the protection against CSRF.
    """
    if request.method in _SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    own = is_own(request, request.headers.get("origin", "")) if site is None else site in _SENT_BY_US
    if not own:
        raise CrossOriginForm.at(origin(request))


SameOrigin = Depends(check_same_origin)
