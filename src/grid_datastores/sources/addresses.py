"""Which hosts the server fetches from: public ones, and those that its operator allows.

A user's URL must not make the server speak to itself, its network or a cloud's metadata service. The name is looked up
once, every address it has is judged, and the connection is made to the very address that was judged, so a name that
answers differently the next moment (DNS rebinding) gains nothing. A redirect is a request of its own, judged again.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx

from grid_datastores.domain.errors import SourceFailed

Resolve = Callable[[str, int], Sequence[str]]
"""The IP addresses of a host for a port; raises `OSError` when there is none."""

_GLOBAL_IPV6 = ip_network("2000::/3")
# What Python 3.11 takes for global though it is special, by IANA's registries, or leads to an IPv4 address inside.
_NOT_PUBLIC = tuple(
    ip_network(block)
    for block in (
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # Azure's metadata service
        "2001::/23",  # protocol assignments, Teredo
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
    )
)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet: IPv6 that only wraps an IPv4 address is not."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and ip not in _GLOBAL_IPV6:
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or _is_special(ip))


def look_up(host: str, port: int) -> list[str]:
    """The addresses that the system's resolver knows; it also reads forms such as 127.1 and 0x7f000001."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def checked_addresses(host: str, port: int, allowed: Collection[str], resolve: Resolve) -> Sequence[str]:
    """The addresses of a host that may be connected to; `allowed` has entries "host" and "host:port" ("[::1]:80").

    Raises `SourceFailed` when the host is not found, or when any of its addresses is not public.
    """
    name = f"[{host}]" if ":" in host else host
    try:
        addresses = resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise SourceFailed(f"The host {name} cannot be found.") from error
    if not addresses:
        raise SourceFailed(f"The host {name} cannot be found.")
    entries = {entry.lower() for entry in allowed}
    if entries.isdisjoint({name.lower(), f"{name.lower()}:{port}"}) and not all(map(is_public, addresses)):
        raise SourceFailed(
            f"Nothing is fetched from {name}, which is not a public address; whoever runs the server,"
            " or works without one, can allow it with GRID_ALLOW_SOURCE_HOSTS."
        )
    return addresses


class CheckedTransport(httpx.BaseTransport):
    """Connects to checked addresses only; the Host header and the name in the certificate stay those of the URL."""

    def __init__(self, allowed: Collection[str], resolve: Resolve = look_up) -> None:
        self._allowed = allowed
        self._resolve = resolve
        # No connection is used again: it is known by its address, and would serve another name on the same address
        # without a look at the certificate for that name.
        self._inner = httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the first address that can be connected to. Raises `SourceFailed` and httpx's errors."""
        host = request.url.raw_host.decode("ascii")
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        addresses = checked_addresses(host, port, self._allowed, self._resolve)
        for address in addresses[:-1]:
            try:
                return self._send(request, host, address)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return self._send(request, host, addresses[-1])

    def close(self) -> None:
        """Close all connections."""
        self._inner.close()

    def _send(self, request: httpx.Request, host: str, address: str) -> httpx.Response:
        return self._inner.handle_request(
            httpx.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
        )


def _is_special(ip: IPv4Address | IPv6Address) -> bool:
    return any(ip in block for block in _NOT_PUBLIC)
