"""Restricts the hosts and buckets that the server fetches from: public hosts, and what its operator allows.

A user's URL must not make the server contact itself, its network or a cloud's metadata service. Each host name is
resolved once, all its addresses are checked, and the connection uses a checked address. A name that resolves
differently a moment later (DNS rebinding) gains nothing. Each redirect is checked in the same way.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from time import monotonic, sleep
from typing import TYPE_CHECKING

import httpx

from grid_datastores.domain.errors import SourceFailed
from grid_datastores.domain.model import SourceKind
from grid_datastores.sources.parse import split_bucket

if TYPE_CHECKING:
    from grid_datastores.domain.buckets import AllowedBucket
    from grid_datastores.domain.model import Source

Resolve = Callable[[str, int], Sequence[str]]
"""Returns the IP addresses of a host for a port. Raises `OSError` if there are none."""

REFUSAL_TIME = 0.5  # seconds after which a name is refused, whether it exists or not; most look-ups take less
_GLOBAL_IPV6 = ip_network("2000::/3")
# Blocks that Python 3.11 treats as global, but that IANA's registries list as special or that embed an IPv4 address.
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
    """Return whether the IP address is on the public internet. IPv6 addresses that wrap an IPv4 address are not."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and ip not in _GLOBAL_IPV6:
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or _is_special(ip))


def look_up(host: str, port: int) -> list[str]:
    """Return the host's addresses from the system's resolver, which also accepts forms such as 127.1 and 0x7f000001."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def checked_addresses(host: str, port: int, allowed: Collection[str], resolve: Resolve) -> Sequence[str]:
    """Return the addresses of a host, if the server may connect to them.

    Entries of `allowed` are "host" or "host:port" ("[::1]:80"). Raises `SourceFailed` if an allowed host is not found.
    For any other host, raises the same `SourceFailed` if it is not found and if one of its addresses is not public:
    users must not learn which names exist in the server's network.
    """
    name = f"[{host}]" if ":" in host else host
    entries = {entry.lower() for entry in allowed}
    if not entries.isdisjoint({name.lower(), f"{name.lower()}:{port}"}):
        if addresses := _resolved(host, port, resolve):
            return addresses
        raise SourceFailed(f"The host {name} cannot be found.")
    addresses = _resolved(host, port, resolve)
    if addresses and all(map(is_public, addresses)):
        return addresses
    raise SourceFailed(
        f"{name} is not a public address, or it does not exist, so nothing was fetched. To allow it, set"
        " GRID_ALLOW_SOURCE_HOSTS on the server (without a server, on this machine)."
    )


def _resolved(host: str, port: int, resolve: Resolve) -> Sequence[str]:
    """Return the addresses, or none if the host is not found."""
    try:
        return resolve(host, port)
    except (OSError, UnicodeError):
        return ()


def check_bucket(location: str, user: str, allowed: Collection[AllowedBucket]) -> None:
    """Raise `SourceFailed` if the user may not read the bucket at this location."""
    bucket, prefix = split_bucket(location)
    if not any(entry.allows(user, bucket, prefix) for entry in allowed):
        raise SourceFailed(
            f"The bucket {bucket} is not an allowed source, so nothing was fetched. To allow it, set"
            " GRID_ALLOW_SOURCE_BUCKETS on the server."
        )


def check_allowed(source: Source, user: str, hosts: Collection[str], buckets: Collection[AllowedBucket]) -> None:
    """Raise `SourceFailed` if it is known, without asking the network, that the user may not fetch this source.

    This covers all buckets. Of hosts, it covers addresses, in every form that the system accepts, and names of this
    machine.
    """
    if source.kind is not SourceKind.ARCHIVE:
        return check_bucket(source.location, user, buckets)
    try:
        url = httpx.URL(source.location)
    except httpx.InvalidURL:
        return None  # the fetch says why
    host = url.raw_host.decode("ascii")
    if addresses := _known_addresses(host):
        checked_addresses(host, _port(url), hosts, lambda _host, _port: addresses)
    return None


def _known_addresses(host: str) -> list[str]:
    """Return the addresses that the host has everywhere, without a look-up; none for most names."""
    if host == "localhost" or host.endswith(".localhost"):
        return ["127.0.0.1"]
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)]
    except (OSError, UnicodeError):
        return []


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


class CheckedTransport(httpx.BaseTransport):
    """An HTTP transport that connects only to checked addresses.

    The Host header and the name in the certificate check stay those of the URL.
    """

    def __init__(self, allowed: Collection[str], resolve: Resolve = look_up) -> None:
        self._allowed = allowed
        self._resolve = resolve
        # Connections are not reused. The pool knows them by address only, so a second name at the same address would
        # get a connection whose certificate was checked for the first name.
        self._inner = httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response of the first address that accepts a connection.

        Raises `SourceFailed` and httpx errors.
        """
        host = request.url.raw_host.decode("ascii")
        with _refusing_late():
            addresses = checked_addresses(host, _port(request.url), self._allowed, self._resolve)
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


@contextmanager
def _refusing_late() -> Iterator[None]:
    """Delay a refusal, so that its time does not tell whether a name exists in the server's network."""
    refused_at = monotonic() + REFUSAL_TIME
    try:
        yield
    except SourceFailed:
        sleep(max(0.0, refused_at - monotonic()))
        raise


def _is_special(ip: IPv4Address | IPv6Address) -> bool:
    return any(ip in block for block in _NOT_PUBLIC)
