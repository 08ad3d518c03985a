"""Settings: what the environment says. Nothing here opens a file or a connection."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from grid_datastores.domain.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_QUOTA = 50  # versions
DEFAULT_LEASE = 60  # seconds
DEFAULT_UPLOAD_EXPIRY = 24 * 60 * 60  # seconds
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?/?")
_PORTS = {"http": 80, "https": 443}
_LARGEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Limits:
    """How much, and how long, is allowed; times in seconds."""

    quota: int = DEFAULT_QUOTA
    lease: int = DEFAULT_LEASE
    upload_expiry: int = DEFAULT_UPLOAD_EXPIRY
    allowed_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are kept, and how much is allowed."""

    directory: Path
    catalog: Path  # SQLite's file
    limits: Limits
    answered_hosts: tuple[str, ...] = ()
    public_url: str = ""  # where clients reach the server, without a slash at the end; empty where nobody says
    trusted_proxies: tuple[str, ...] = ()  # addresses and networks whose X-Forwarded headers count; or "*"

    @property
    def scratch(self) -> Path:
        """The folder of temporary files, on the disk of the data."""
        return self.data / "scratch"

    @property
    def data(self) -> Path:
        """The folder of the catalog and of the versions' bytes."""
        return self.directory / "data"


def read_settings() -> Settings:
    """From the environment.

    GRID_DIR: the folder of all that is kept (default ~/.grid). GRID_DATABASE_URL: the catalog, SQLite at
    sqlite:///PATH (default data/catalog.sqlite below GRID_DIR). GRID_STORAGE_URL: refused when it is set, as the bytes
    can only be kept in that folder, too (unset). GRID_QUOTA: versions that a user may have (50).
    GRID_LEASE: seconds without a heartbeat after which the lease of a Run that starts later expires (60).
    GRID_UPLOAD_EXPIRY: seconds without data after which an upload that starts later expires (a day).
    GRID_ALLOW_SOURCE_HOSTS: hosts, or host:port, with commas between, that archives are fetched from although their
    addresses are private or this machine's (none).
    GRID_ALLOWED_HOSTS: names that the server answers to beside this machine's own, with commas between them (none).
    GRID_PUBLIC_URL: the address at which clients reach the server, when a proxy stands before it: scheme, host and port
    (the Host header of each request). GRID_FORWARDED_ALLOW_IPS: addresses and networks of the proxies whose
    X-Forwarded-Proto and X-Forwarded-For headers the server believes, with commas between them; * for all (none).
    """
    directory = Path(os.environ.get("GRID_DIR") or Path.home() / ".grid")
    if os.environ.get("GRID_STORAGE_URL"):
        raise InvalidInput(
            "GRID_STORAGE_URL is set, but the data can only be kept in a local folder:"
            " unset it, and name a folder with GRID_DIR."
        )
    limits = Limits(
        quota=_whole_number("GRID_QUOTA", DEFAULT_QUOTA),
        lease=_whole_number("GRID_LEASE", DEFAULT_LEASE),
        upload_expiry=_whole_number("GRID_UPLOAD_EXPIRY", DEFAULT_UPLOAD_EXPIRY),
        allowed_hosts=tuple(filter(None, os.environ.get("GRID_ALLOW_SOURCE_HOSTS", "").split(","))),
    )
    hosts = tuple(name.strip() for name in os.environ.get("GRID_ALLOWED_HOSTS", "").split(",") if name.strip())
    catalog = _catalog() or directory / "data" / "catalog.sqlite"
    return Settings(directory, catalog, limits, hosts, _public_url(), _proxies())


def _catalog() -> Path | None:
    """Where the catalog is, if that is told; the address may hold a password, so it is not shown."""
    address = os.environ.get("GRID_DATABASE_URL")
    if not address:
        return None
    found = re.fullmatch(r"sqlite:///([^?#]+)", address)
    if not found:
        raise InvalidInput(
            "GRID_DATABASE_URL is not understood: the catalog can only be kept in SQLite, at an address sqlite:///PATH."
        )
    return Path(unquote(found[1])).absolute()


def _public_url() -> str:
    """GRID_PUBLIC_URL as browsers write it: in lower case, without the port that its scheme has anyway."""
    given = os.environ.get("GRID_PUBLIC_URL", "")
    if not given:
        return ""
    found = _ORIGIN.fullmatch(given.lower())
    port = int((found and found["port"]) or 0)
    if not found or not _is_host(found["host"]) or port > _LARGEST_PORT or found["port"] == "0":
        raise InvalidInput(  # without what it is: a password may stand in it
            "GRID_PUBLIC_URL is not an address of a server: give scheme, host and port without a path, query or user,"
            " for example https://grid.example or https://grid.example:8443."
        )
    scheme = found["scheme"]
    return f"{scheme}://{found['host']}" + (f":{port}" if port and port != _PORTS[scheme] else "")


def _is_host(host: str) -> bool:
    return not host.startswith("[") or _is_valid(ip_address, host[1:-1])


def _proxies() -> tuple[str, ...]:
    """GRID_FORWARDED_ALLOW_IPS, checked: uvicorn takes a slip of the pen for a name, which no client ever has."""
    given = os.environ.get("GRID_FORWARDED_ALLOW_IPS", "")
    proxies = tuple(entry.strip() for entry in given.split(",") if entry.strip())
    for entry in proxies if proxies != ("*",) else ():
        if not _is_valid(ip_network if "/" in entry else ip_address, entry):
            raise InvalidInput(
                f"GRID_FORWARDED_ALLOW_IPS has {entry[:60]!r}, which is not an IP address or network. Give those of"
                " your proxies with commas between them, for example 10.0.0.5,192.168.0.0/24; or * alone."
            )
    return proxies


def _is_valid(kind: Callable[[str], object], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _whole_number(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise InvalidInput(f"{variable} is {text[:20]!r}; it must be a whole number from 1 on, of at most 9 digits.")
    return int(text)
