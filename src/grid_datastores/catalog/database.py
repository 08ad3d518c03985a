"""The connection: durable transactions on SQLite."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import URL, NullPool, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError

from grid_datastores.catalog.facts import Facts
from grid_datastores.catalog.owners import Owners
from grid_datastores.catalog.reserve import Reserve
from grid_datastores.catalog.upgrade import bring_up_to_date, check_up_to_date
from grid_datastores.catalog.users import Users
from grid_datastores.catalog.versions import Versions
from grid_datastores.catalog.workloads import Workloads
from grid_datastores.domain.errors import CatalogFailed, Damaged, NoSpace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Engine

# How long a writer waits for another one, in seconds: transactions are a few milliseconds long.
BUSY_TIMEOUT = 30


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction on the catalog: all of it happens, durably, or none."""

    facts: Facts
    owners: Owners
    users: Users
    versions: Versions
    workloads: Workloads


class Catalog:
    """The metadata of all versions and workloads, in a file of SQLite. Makes its tables when new.

    `frozen` is one that this process cannot write, or only came `to_look` at: it stays as it is.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.frozen = read_only or (path.exists() and not _can_be_written(path))
        self._path = path
        self._reserve = Reserve(path)
        self._engine = _frozen(path) if self.frozen else _sqlite(path)
        if self.frozen:
            with self._told():
                check_up_to_date(self._engine)
            return
        self._reserve.give()
        with self._told():
            bring_up_to_date(self._engine)
        self._reserve.keep()

    @contextmanager
    def write(self, *, frees: bool = False) -> Iterator[Transaction]:
        """A transaction that changes; it is the only writer from its first moment.

        One that `frees` room has the catalog's reserve for itself where the disk is full.
        """
        if self.frozen:
            raise CatalogFailed(
                f"{self._path.parent} cannot be written, so nothing was changed."
                " Work as a user who can write there, or name another folder with GRID_DIR."
            )
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
            if self.frozen and "unable to open" in said and _lacks_index(self._path):
                raise CatalogFailed(
                    f"The catalog {place} cannot be read: {self._path.name}-shm is missing, and cannot be made here."
                    " Nothing was changed. As a user who can write in this folder, or in a copy, run: grid datastore"
                ) from error
            if "not a database" in said or "malformed" in said:
                raise Damaged(f"The catalog {place} is damaged: {said}. Put a copy of it back.") from error
            raise CatalogFailed(f"The catalog {place} cannot be used: {said.strip()}.") from error


def _transaction(connection: Connection) -> Transaction:
    return Transaction(
        Facts(connection), Owners(connection), Users(connection), Versions(connection), Workloads(connection)
    )


def _can_be_written(path: Path) -> bool:
    """SQLite writes the catalog, and its log beside it."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _frozen(path: Path) -> Engine:
    """Connections that change no byte of the catalog or its log: each lives for one transaction.

    Where there is a log, SQLite takes locks in the log's index, as every reader does.
    """
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, creator=lambda: _to_read(path), poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _to_read(path: Path) -> sqlite3.Connection:
    """A connection that reads only.

    Where there is a log, somebody else works on the catalog, or was killed: what the log holds counts. Its index is
    needed to read it, and SQLite makes a missing one where it can. Without a log nobody has the catalog open, and the
    file is whole. SQLite would make a log all the same, which is impossible here or unwanted, unless it takes the file
    as immutable. A writer that comes meanwhile changes the file only when it moves its log there, and this connection
    lives for milliseconds.
    """
    how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, timeout=BUSY_TIMEOUT, check_same_thread=False
    )
    connection.isolation_level = None  # the driver begins nothing by itself
    return connection


def _lacks_index(path: Path) -> bool:
    """Whether there is a log without its index, as in a copy of the folder; SQLite reads no log without one."""
    log, index = (path.with_name(f"{path.name}-{kind}") for kind in ("wal", "shm"))
    return log.exists() and not index.exists()


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
