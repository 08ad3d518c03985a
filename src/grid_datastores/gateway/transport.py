"""How requests leave this machine: directly, or through the proxy that the environment names for their address.

HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in upper or lower case, mean what they mean to pip. httpx
reads them only for transports that it makes itself, and knows no networks in NO_PROXY.
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

import httpx

from grid_datastores.domain.errors import InvalidInput, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

_PORTS = {"http": 80, "https": 443}
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"


@dataclass(frozen=True, slots=True)
class _Named:
    """A proxy, and the variable that names it."""

    variable: str
    url: httpx.URL

    def __str__(self) -> str:
        shown = self.url.copy_with(username=None, password=None)  # others may see what is printed
        return f"the proxy {shown.scheme}://{shown.netloc.decode('ascii')}, which {self.variable} names"

    def connected(self) -> httpx.Proxy:
        """As httpx wants it. Left to itself, it would not look at SSL_CERT_FILE for a proxy."""
        secure = self.url.scheme == "https"
        return httpx.Proxy(self.url, ssl_context=_trusted("https") if secure else None)


class Transport(httpx.BaseTransport):
    """A transport for every address; `retries` is how often a direct connection that fails is tried again."""

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self._opened: dict[tuple[str, _Named | None], httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer. Raises httpx's errors; `Unreachable` for a proxy that does not lead there."""
        proxy = _proxy_for(request.url)
        transport = self._open(request.url.scheme, proxy)
        if proxy is None:
            return transport.handle_request(request)
        try:
            return transport.handle_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            if is_untrusted(error) and proxy.url.scheme == "http":  # then it is the server's
                raise
            why = f": {error}" if isinstance(error, httpx.ProxyError) else ""
            asked = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
            raise Unreachable(f"{asked} cannot be reached through {proxy}{why}; nothing was done.") from error

    def close(self) -> None:
        """Close all connections."""
        for transport in self._opened.values():
            transport.close()

    def _open(self, scheme: str, proxy: _Named | None) -> httpx.HTTPTransport:
        if (scheme, proxy) not in self._opened:
            through = proxy.connected() if proxy else None
            opened = httpx.HTTPTransport(verify=_trusted(scheme), proxy=through, retries=self._retries)
            self._opened[scheme, proxy] = opened
        return self._opened[scheme, proxy]


def is_untrusted(error: Exception) -> bool:
    """Whether a connection failed because nobody vouches for a certificate."""
    return _UNTRUSTED in str(error)


def _trusted(scheme: str) -> ssl.SSLContext:
    """The authorities that vouch for a server. To read them takes longer than an answer: without TLS, none are."""
    return httpx.create_ssl_context() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _proxy_for(url: httpx.URL) -> _Named | None:
    """The proxy for this address; None where it is asked directly. Raises `InvalidInput` when it is none."""
    named = getproxies()
    scheme = url.scheme if named.get(url.scheme) else "all"
    if not named.get(scheme) or _is_exempt(url, named.get("no", "")):
        return None
    lower = f"{scheme}_proxy"
    variable = lower if os.environ.get(lower) else lower.upper()
    address = named[scheme] if "://" in named[scheme] else f"http://{named[scheme]}"
    try:
        proxy = httpx.URL(address)
    except httpx.InvalidURL:
        proxy = httpx.URL()
    if proxy.scheme not in _PORTS or not proxy.host:
        raise InvalidInput(  # without what it is: a password may stand in it
            f"{variable} does not name an HTTP proxy. Give its address, for example http://proxy.example:3128, or unset"
            f" {variable}."
        )
    return _Named(variable, proxy)


def _is_exempt(url: httpx.URL, no_proxy: str) -> bool:
    """Whether NO_PROXY has the host, alone or with the port, a domain that it is in, or a network."""
    host = url.raw_host.decode("ascii")
    name = f"[{host}]" if ":" in host else host
    if proxy_bypass(host) or proxy_bypass(f"{name}:{url.port or _PORTS.get(url.scheme)}"):
        return True
    with suppress(ValueError):
        address = ip_address(host)
        return any(address in network for network in _networks(no_proxy))
    return False


def _networks(no_proxy: str) -> Iterator[IPv4Network | IPv6Network]:
    for entry in no_proxy.split(","):
        with suppress(ValueError):
            yield ip_network(entry.strip(), strict=False)
