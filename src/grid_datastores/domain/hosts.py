"""Lists of hosts, addresses and networks in settings, and addresses of servers and sites.

Except for `entries`, each function takes the name of the setting, for its message, and raises `InvalidInput`.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?/?")
_HOST_AND_PORT = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?")
_HOST_NAME = re.compile(r"(?P<host>[A-Za-z0-9._-]+|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)")
_GUIDE = re.compile(rf"(?i:{_ORIGIN.pattern.removesuffix('/?')})(/[A-Za-z0-9/._~%-]*)?")
_PORTS = {"http": 80, "https": 443}
_LARGEST_PORT = 65535


def entries(text: str) -> tuple[str, ...]:
    """Return the entries between the commas, without surrounding spaces. Empty entries are left out."""
    return tuple(entry.strip() for entry in text.split(",") if entry.strip())


def source_hosts(name: str, text: str) -> tuple[str, ...]:
    """Return host names and addresses, each with or without a port."""
    return _hosts(name, text, _HOST_AND_PORT, "files.internal,10.0.0.7:8080,[::1]:8080")


def host_names(name: str, text: str) -> tuple[str, ...]:
    """Return host names and addresses without a port."""
    return _hosts(name, text, _HOST_NAME, "grid.internal,10.0.0.7")


def public_url(name: str, text: str) -> str:
    """Return the address as browsers write it: in lower case, without the default port of its scheme."""
    found = _ORIGIN.fullmatch(text.lower())
    if not found or not _is_host(found["host"]) or not _is_port(found["port"]):
        raise InvalidInput(  # without the text, which may hold a password
            f"{name} is not an address of a server: give scheme, host and port without a path, query or user,"
            " for example https://grid.example or https://grid.example:8443."
        )
    scheme, port = found["scheme"], int(found["port"] or _PORTS[found["scheme"]])
    return f"{scheme}://{found['host']}" + (f":{port}" if port != _PORTS[scheme] else "")


def guide_url(name: str, text: str) -> str:
    """Return the address of the guide, with a slash at the end, so that paths of pages can follow it."""
    found = _GUIDE.fullmatch(text)
    if not found or not _is_host(found["host"]) or not _is_port(found["port"]):
        raise InvalidInput(
            f"{name} is not an address of a site: give scheme, host and path without a query or user, for example"
            " https://docs.example/grid/."
        )
    return text.rstrip("/") + "/"


def proxies(name: str, text: str) -> tuple[str, ...]:
    """Return addresses and networks. uvicorn would take a mistyped one as a host name, which matches no client."""
    given = entries(text)
    for entry in given if given != ("*",) else ():
        if not _is_valid(ip_network if "/" in entry else ip_address, entry):
            raise InvalidInput(
                f"{name} has {entry[:60]!r}, which is not an IP address or network. Separate"
                " entries with commas, for example 10.0.0.5,192.168.0.0/24. To trust all proxies, give only *."
            )
    return given


def _hosts(name: str, text: str, form: re.Pattern[str], example: str) -> tuple[str, ...]:
    """Return the entries. Raises `InvalidInput` for one of another form: it would never match a host."""
    hosts = entries(text)
    for entry in hosts:
        found = form.fullmatch(entry)
        if not found or not _is_host(found["host"]) or not _is_port(found.groupdict().get("port")):
            raise InvalidInput(
                f"{name} has {entry[:60]!r}, which is not a valid entry. Separate hosts with commas, for example"
                f" {example}."
            )
    return hosts


def _is_host(host: str) -> bool:
    return not {":", "["} & set(host) or _is_valid(IPv6Address, host.strip("[]"))


def _is_port(text: str | None) -> bool:
    return text is None or 0 < int(text) <= _LARGEST_PORT


def _is_valid(kind: Callable[[str], object], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True
