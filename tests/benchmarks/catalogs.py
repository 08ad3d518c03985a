"""Many versions in a catalog, written directly: uploading 50,000 is not what is measured."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

_USER = "INSERT INTO users (id, name, key_hash, created_at) SELECT ?, ?, key_hash, created_at FROM users WHERE name = ?"
_DATASTORE = "INSERT INTO datastores (id, owner_id, name, last_number) VALUES (?, ?, ?, ?)"
_VERSION = """
    INSERT INTO versions (id, owner_id, datastore_id, name, number, source_kind, source_location, phase, message,
        created_at, active_at, finished_at, size_bytes, file_count, fingerprint, last_used_by, deleted_by)
    VALUES (?, ?, ?, ?, ?, 'files', '/data/birds', 'available', '', ?, ?, ?, 4096, 1, ?, '', '')
"""
_AT = "2026-11-01 12:00:00.000000"


def fill(folder: Path, user: str, name: str, count: int) -> None:
    """Give the user versions 1 to `count` of a new datastore."""
    with closing(sqlite3.connect(folder / "data" / "catalog.sqlite")) as connection, connection:
        owner = connection.execute("SELECT id FROM users WHERE name = ?", (user,)).fetchone()[0]
        _fill(connection, owner, name, count)


def fill_users(folder: Path, like: str, users: int, count: int) -> None:
    """Add so many users with the key of the user `like`, each with so many versions."""
    with closing(sqlite3.connect(folder / "data" / "catalog.sqlite")) as connection, connection:
        for number in range(users):
            connection.execute(_USER, (f"other{number}", f"other{number}", like))
            _fill(connection, f"other{number}", f"data{number}", count)


def ids(folder: Path, name: str) -> list[str]:
    """Return the ids of the versions of this name that are not deleted, by number."""
    with closing(sqlite3.connect(folder / "data" / "catalog.sqlite")) as connection:
        query = "SELECT id FROM versions WHERE name = ? AND phase = 'available' ORDER BY number"
        return [row[0] for row in connection.execute(query, (name,))]


def commits(folder: Path, count: int) -> None:
    """Commit so many single changes, each durable, with SQLite alone."""
    with closing(sqlite3.connect(folder / "raw.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS deleted (id TEXT PRIMARY KEY)")
        connection.execute("DELETE FROM deleted")
        for number in range(count):
            connection.execute("INSERT INTO deleted VALUES (?)", (f"{number:032}",))


def _fill(connection: sqlite3.Connection, owner: str, name: str, count: int) -> None:
    datastore = f"{owner}-{name}"
    connection.execute(_DATASTORE, (datastore, owner, name, count))
    rows = (
        (f"{datastore}-{number}", owner, datastore, name, number, _AT, _AT, _AT, f"{number:064x}")
        for number in range(1, count + 1)
    )
    connection.executemany(_VERSION, rows)
