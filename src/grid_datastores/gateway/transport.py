"""Send requests directly, or through the proxy that the environment sets for their address.

HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in upper or lower case, have the same meaning as for pip. httpx reads
them only for its default transports, and does not support networks in NO_PROXY.
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from threading import Lock
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

import httpx

from grid_datastores.domain.errors import InvalidInput, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

_PORTS = {"http": 80, "https": 443}
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"


@dataclass(frozen=True, slots=True)
class _Proxy:
    """A proxy, and the environment variable that sets it."""

    variable: str
    url: httpx.URL

    def __str__(self) -> str:
        shown = self.url.copy_with(username=None, password=None)  # messages must not show the password
        return f"the proxy {shown.scheme}://{shown.netloc.decode('ascii')} (from {self.variable})"

    def to_httpx(self) -> httpx.Proxy:
        """Return the proxy for httpx, with our certificates, because httpx ignores SSL_CERT_FILE for proxies."""
        secure = self.url.scheme == "https"
        return httpx.Proxy(self.url, ssl_context=_ssl_context("https") if secure else None)


class Transport(httpx.BaseTransport):
    """A transport that chooses the proxy by the address of each request. Retries failed direct connections."""

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self._opening = Lock()
        self._transports: dict[tuple[str, _Proxy | None], httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response. Raises httpx's errors, and `Unreachable` if the proxy cannot reach the address."""
        proxy = _proxy_for(request.url)
        transport = self._open(request.url.scheme, proxy)
        if proxy is None:
            return transport.handle_request(request)
        try:
            return transport.handle_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            if is_untrusted(error) and proxy.url.scheme == "http":  # then the untrusted certificate is the server's
                raise
            why = f": {error}" if isinstance(error, httpx.ProxyError) else ""
            address = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
            raise Unreachable(f"{address} cannot be reached through {proxy}{why}. Nothing was done.") from error

    def close(self) -> None:
        """Close all connections."""
        for transport in self._transports.values():
            transport.close()

    def _open(self, scheme: str, proxy: _Proxy | None) -> httpx.HTTPTransport:
        with self._opening:
            if (scheme, proxy) not in self._transports:
                httpx_proxy = proxy.to_httpx() if proxy else None
                transport = httpx.HTTPTransport(verify=_ssl_context(scheme), proxy=httpx_proxy, retries=self._retries)
                self._transports[scheme, proxy] = transport
            return self._transports[scheme, proxy]


def is_untrusted(error: Exception) -> bool:
    """Return whether a connection failed because no trusted authority signed the certificate."""
    return _UNTRUSTED in str(error)


def _ssl_context(scheme: str) -> ssl.SSLContext:
    """Return the context with the trusted authorities. Without TLS it is empty, because loading them is slow."""
    return httpx.create_ssl_context() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _proxy_for(url: httpx.URL) -> _Proxy | None:
    """Return the proxy for this address, or None for a direct connection. Raises `InvalidInput` if it is invalid."""
    proxies = getproxies()
    scheme = url.scheme if proxies.get(url.scheme) else "all"
    if not proxies.get(scheme) or _is_exempt(url, proxies.get("no", "")):
        return None
    lower = f"{scheme}_proxy"
    variable = lower if os.environ.get(lower) else lower.upper()
    address = proxies[scheme] if "://" in proxies[scheme] else f"http://{proxies[scheme]}"
    try:
        proxy = httpx.URL(address)
    except httpx.InvalidURL:
        proxy = httpx.URL()
    if proxy.scheme not in _PORTS or not proxy.host:
        raise InvalidInput(  # does not show the value, which can contain a password
            f"{variable} is not the address of an HTTP proxy. Set it, for example to http://proxy.example:3128, or"
            " unset it."
        )
    return _Proxy(variable, proxy)


def _is_exempt(url: httpx.URL, no_proxy: str) -> bool:
    """Return whether NO_PROXY contains the host, with or without the port, its domain, or its network."""
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
