"""The origin at which clients reach the server (scheme, host and port), and the same-origin check of its forms."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Depends, Request

from grid_datastores.domain.errors import CrossOriginForm

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # these change nothing
_OWN_SITES = ("same-origin", "none")  # sent by a page of this server, or by the browser itself on a reload


def origin(request: Request) -> str:
    """Return the URL at which this client reaches the server, for example `https://grid.example`, without a slash.

    This is GRID_PUBLIC_URL if it is set. Otherwise it is the Host header with the scheme of the connection, which a
    proxy in GRID_FORWARDED_ALLOW_IPS reports in X-Forwarded-Proto.
    """
    return request.app.state.public_url or str(request.base_url).rstrip("/")


def is_secure(request: Request) -> bool:
    """Return whether the client speaks TLS, to the server or to a proxy before it."""
    return origin(request).startswith("https://")


def is_own(request: Request, address: str) -> bool:
    """Return whether an address from a request header (Origin, Referer) belongs to this server.

    Without GRID_PUBLIC_URL the schemes are not compared: a proxy may use TLS when the server does not.
    """
    try:
        sender = urlsplit(address)
    except ValueError:
        return False
    public = request.app.state.public_url
    named = f"{sender.scheme}://{sender.netloc}" == public if public else False
    return named or sender.netloc == request.headers.get("host")


async def check_same_origin(request: Request) -> None:
    """Raise `CrossOriginForm` for a form that was not sent from a page of this server.

    Browsers send Sec-Fetch-Site or, over plain HTTP, at least Origin; no page can set either. A form with neither is
    refused. Together with the SameSite=Strict cookie, this check is the protection against CSRF.
    """
    if request.method in _SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    own = is_own(request, request.headers.get("origin", "")) if site is None else site in _OWN_SITES
    if not own:
        raise CrossOriginForm.at(origin(request))


SameOrigin = Depends(check_same_origin)
