"""The connection: durable transactions on SQLite."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import URL, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError

from grid_datastores.catalog.facts import Facts
from grid_datastores.catalog.reserve import Reserve
from grid_datastores.catalog.upgrade import bring_up_to_date
from grid_datastores.catalog.users import Users
from grid_datastores.catalog.versions import Versions
from grid_datastores.catalog.workloads import Workloads
from grid_datastores.errors import CatalogFailed, Damaged, NoSpace

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Engine

# How long a writer waits for another one, in seconds: transactions are a few milliseconds long.
BUSY_TIMEOUT = 30


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction on the catalog: all of it happens, durably, or none."""

    facts: Facts
    users: Users
    versions: Versions
    workloads: Workloads


class Catalog:
    """The metadata of all versions and workloads, in a file of SQLite. Makes its tables when new."""

    def __init__(self, path: Path) -> None:
        self._reserve = Reserve(path)
        self._engine = _sqlite(path)
        self._reserve.give()
        with self._told():
            bring_up_to_date(self._engine)
        self._reserve.keep()

    @contextmanager
    def write(self, *, frees: bool = False) -> Iterator[Transaction]:
        """A transaction that changes; it is the only writer from its first moment.

        One that `frees` room has the catalog's reserve for itself where the disk is full.
        """
        if frees:
            self._reserve.give()
        with self._told(), self._engine.begin() as connection:
            yield _transaction(connection)
        if frees:
            self._reserve.keep()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that sees one moment of the catalog and waits for nobody."""
        with self._told(), self._engine.connect().execution_options(read=True) as connection:
            yield _transaction(connection)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the database cannot do, in a sentence; a mistake in a query stays an exception."""
        try:
            yield
        except DatabaseError as error:
            if type(error) not in (DatabaseError, OperationalError):
                raise
            place, said = self._engine.url.database, str(error.orig)
            # SQLite tells some failures of a full disk as those of any disk.
            if "is full" in said or ("I/O error" in said and self._reserve.disk_is_full()):
                raise NoSpace(
                    f"There is no space left where the catalog is kept, {place}; nothing was done."
                    " Make some on that disk, then try again."
                ) from error
            if "not a database" in said or "malformed" in said:
                raise Damaged(f"The catalog {place} is damaged: {said}. Put a copy of it back.") from error
            raise CatalogFailed(f"The catalog {place} cannot be used: {said.strip()}.") from error


def _transaction(connection: Connection) -> Transaction:
    return Transaction(Facts(connection), Users(connection), Versions(connection), Workloads(connection))


def _sqlite(path: Path) -> Engine:
    """BEGIN IMMEDIATE, WAL, synchronous=FULL: a commit that was answered survives a power cut."""
    url = URL.create("sqlite", database=str(path))  # not text: a path may hold what means something in a URL
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("read", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine
