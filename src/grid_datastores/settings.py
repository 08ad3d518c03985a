"""Settings: what the environment says. Nothing here opens a file or a connection."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from grid_datastores.errors import InvalidInput

DEFAULT_QUOTA = 50  # versions
DEFAULT_LEASE = 60  # seconds
DEFAULT_UPLOAD_EXPIRY = 24 * 60 * 60  # seconds


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

    @property
    def data(self) -> Path:
        """The folder of the catalog and of the versions' bytes."""
        return self.directory / "data"


def read_settings() -> Settings:
    """From the environment.

    GRID_DIR: the folder of all that is kept (default ~/.grid). GRID_DATABASE_URL: the catalog, SQLite at
    sqlite:///PATH (default data/catalog.sqlite below GRID_DIR). GRID_STORAGE_URL: refused when it is set, as the bytes
    can only be kept in that folder, too (unset). GRID_QUOTA: versions that a user may have (50).
    GRID_LEASE: seconds without a heartbeat after which a Run that begins now holds nothing (60). GRID_UPLOAD_EXPIRY:
    seconds without data after which an upload that begins now is dropped (a day). GRID_ALLOW_SOURCE_HOSTS: hosts, or
    host:port, with commas between, that archives are fetched from although their addresses are private or this
    machine's (none).
    GRID_ALLOWED_HOSTS: names that the server answers to beside this machine's own, with commas between them (none).
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
    return Settings(directory, _catalog() or directory / "data" / "catalog.sqlite", limits, hosts)


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


def _whole_number(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise InvalidInput(f"{variable} is {text[:20]!r}; it must be a whole number from 1 on, of at most 9 digits.")
    return int(text)
