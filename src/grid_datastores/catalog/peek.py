"""Look into a catalog's file without changing it, before it is opened: whose catalog it is, and how new."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from grid_datastores.catalog.database import connect_read_only
from grid_datastores.catalog.facts import PLACE
from grid_datastores.domain.log import LogEntry
from grid_datastores.domain.model import Phase

if TYPE_CHECKING:
    from pathlib import Path


_ERRORS = (sqlite3.Error, UnicodeDecodeError)  # the latter if a message quotes a schema that is no text any more


class Unreadable(Exception):
    """SQLite cannot read the file. `Catalog` reports why."""


def log_entries(path: Path, first: int) -> list[LogEntry]:
    """Return the catalog's entries from this number on, sorted. It has none in an older release."""
    rows = _rows(path, "SELECT sequence, checksum, text FROM log_entries WHERE sequence >= ? ORDER BY 1", first)
    return [LogEntry(int(str(sequence)), str(checksum), str(text)) for sequence, checksum, text in rows]


def place_id(path: Path) -> str:
    """Return the catalog's own id, or "" if it has none."""
    return "".join(str(value) for (value,) in _rows(path, "SELECT value FROM settings WHERE key = ?", PLACE))


def user_ids(path: Path) -> set[str]:
    """Return the ids of the catalog's users."""
    return {str(user_id) for (user_id,) in _rows(path, "SELECT id FROM users")}


def removed_user_ids(path: Path) -> set[str]:
    """Return the ids of the catalog's removed users. It has none in an older release."""
    return {str(user_id) for (user_id,) in _rows(path, "SELECT id FROM users WHERE removed_at IS NOT NULL")}


def phases(path: Path) -> dict[str, Phase]:
    """Return the phase of each version of the catalog, by its id."""
    return {str(version_id): Phase(str(phase)) for version_id, phase in _rows(path, "SELECT id, phase FROM versions")}


def places(path: Path) -> dict[str, tuple[str, str]]:
    """Return the owner's id and the name of each version of the catalog, by its id."""
    rows = _rows(path, "SELECT id, owner_id, name FROM versions")
    return {str(version_id): (str(owner_id), str(name)) for version_id, owner_id, name in rows}


def corruption(path: Path) -> str:
    """Return what SQLite finds corrupt in the file, or "". It finds a file that was copied over one in use."""
    try:
        with closing(connect_read_only(path)) as connection:
            found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except _ERRORS as error:
        if "malformed" in str(error):
            return str(error)
        raise Unreadable from error
    return "" if found == "ok" else found.splitlines()[-1]


def _rows(path: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    """Return the rows, or none if the catalog lacks the table or column. Raises `Unreadable`."""
    try:
        with closing(connect_read_only(path)) as connection:
            return connection.execute(query, values).fetchall()
    except _ERRORS as error:
        if "no such " in str(error):
            return []
        raise Unreadable from error
