"""The origin at which clients reach the server (scheme, host and port), and the same-origin check of forms."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Depends, Request

from grid_datastores.domain.errors import CrossOriginForm

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # these change nothing
_OWN_SITES = ("same-origin", "none")  # sent by a page of this server, or by the browser itself on a reload


def origin(request: Request) -> str:
    """Return the server's origin as this client sees it, without a final slash, for example `https://grid.example`.

    This is GRID_PUBLIC_URL if set. Otherwise it is the Host header with the scheme of the connection, or with the
    scheme in X-Forwarded-Proto if a trusted proxy sent the request.
    """
    return request.app.state.public_url or str(request.base_url).rstrip("/")


def is_secure(request: Request) -> bool:
    """Return whether the client uses TLS, to the server or to a proxy in front of it."""
    return origin(request).startswith("https://")


def is_own(request: Request, url: str) -> bool:
    """Return whether the URL, taken from a header that the browser sent, belongs to this server.

    Without GRID_PUBLIC_URL, schemes are not compared: a proxy that is not configured as trusted may add TLS.
    """
    sent = urlsplit(url)
    public = request.app.state.public_url
    return sent.netloc == request.headers.get("host") or (public != "" and f"{sent.scheme}://{sent.netloc}" == public)


def check_same_origin(request: Request) -> None:
    """Raise `CrossOriginForm` unless a page of this server sent the form.

    Browsers send Sec-Fetch-Site or, over plain HTTP, Origin; no page can set either header. A request without both is
    refused. Together with the SameSite=Strict cookie, this protects against CSRF.
    """
    if request.method in _SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    own = is_own(request, request.headers.get("origin", "")) if site is None else site in _OWN_SITES
    if not own:
        raise CrossOriginForm.at(origin(request))


SameOrigin = Depends(check_same_origin)
