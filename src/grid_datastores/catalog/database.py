"""The catalog's database: durable transactions on SQLite."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import cached_property, lru_cache, partial
from time import monotonic
from traceback import walk_tb
from typing import TYPE_CHECKING

from sqlalchemy import URL, NullPool, create_engine, event
from sqlalchemy.exc import DatabaseError, NoResultFound, OperationalError

from grid_datastores.catalog.commits import Commits
from grid_datastores.catalog.facts import Facts
from grid_datastores.catalog.log import Log
from grid_datastores.catalog.migrations import check_migrated, migrate
from grid_datastores.catalog.reserved_space import ReservedSpace
from grid_datastores.catalog.users import Users
from grid_datastores.catalog.versions import Versions
from grid_datastores.catalog.workloads import Workloads
from grid_datastores.domain.errors import Busy, CatalogFailed, Damaged, NoSpace, Refusal
from grid_datastores.domain.log import continuation
from grid_datastores.domain.text import os_reason
from grid_datastores.system.files import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from grid_datastores.catalog.lists import Lists
    from grid_datastores.catalog.log import LogFile
    from grid_datastores.catalog.owners import Owners
    from grid_datastores.catalog.removals import Removals
    from grid_datastores.catalog.restoring import Restoring
    from grid_datastores.catalog.sign_ins import SignIns
    from grid_datastores.domain.log import LogEntry

_log = logging.getLogger(__name__)

_ERASURE_TIMEOUT = 1  # second
MAX_KEPT_ENTRIES = 256  # of earlier processes; a start with more makes the log durable, so that they can be removed


class Transaction:
    """One transaction on the catalog: durable, and all or nothing. What few commands need is loaded on first use."""

    def __init__(self, connection: Connection, logged: int) -> None:
        self._connection = connection
        self.facts = Facts(connection)
        self.log = Log(connection, logged)
        self.users = Users(connection, self.log)
        self.versions = Versions(connection, self.log)
        self.workloads = Workloads(connection)

    @cached_property
    def lists(self) -> Lists:
        """The operations on pages of lists."""
        from grid_datastores.catalog.lists import Lists

        return Lists(self._connection)

    @cached_property
    def owners(self) -> Owners:
        """The operations on owners."""
        from grid_datastores.catalog.owners import Owners

        return Owners(self._connection, self.log)

    @cached_property
    def removals(self) -> Removals:
        """The operations on queued removals."""
        from grid_datastores.catalog.removals import Removals

        return Removals(self._connection)

    @cached_property
    def restoring(self) -> Restoring:
        """The operations of restoring."""
        from grid_datastores.catalog.restoring import Restoring

        return Restoring(self._connection)

    @cached_property
    def sign_ins(self) -> SignIns:
        """The operations on sign-ins."""
        from grid_datastores.catalog.sign_ins import SignIns

        return SignIns(self._connection)


class Catalog:
    """The metadata of all versions and workloads, in an SQLite file. Creates the tables of a new catalog.

    It is `read_only` if the caller asks for that or if this process cannot write the file. Then no byte of it changes.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.read_only = read_only or (path.exists() and not _can_be_written(path))
        self._path = path
        self._reserved_space = ReservedSpace(path.resolve())
        self._log_has_secret = not self.read_only and _has_log(path)  # another process may have left one
        self._log_file: LogFile | None = None
        self._appended = self._logged = 0  # the numbers of the last entry that the log has, and has durably
        self._has_unsynced = False  # whether this process has appended entries that may not be durable yet
        self._engine = _read_only_engine(path) if self.read_only else _writable_engine(path)
        if self.read_only:
            with self._catalog_errors():
                check_migrated(self._engine)
            return
        self._commits = Commits(self._engine, self._log_changes)
        try:
            with self._reserved_space.released(), self._catalog_errors():
                _make_private(path)
                migrate(self._engine)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def write(self, *, frees_space: bool = False, at_once: bool = False, alone: bool = False) -> Iterator[Transaction]:
        """Yield a transaction that can change the catalog. It is the only writer from its start.

        A transaction that `frees_space` can use the reserved space if the disk is full. Changes of other threads can be
        committed with it, unless it is `alone`, because it takes long, or should begin and end `at_once`. Raises `Busy`
        before the transaction begins, without waiting for others if it should begin `at_once`, `CatalogFailed` and
        `NoSpace`.
        """
        if self.read_only:
            raise CatalogFailed(
                f"{self._path.parent} is read-only, so nothing was changed."
                " Run the command as a user who can write there, or set GRID_DIR to another folder."
            )
        timeout = 0 if at_once else Busy.TIMEOUT
        with self._reserved_space.released() if frees_space else nullcontext():
            with self._catalog_errors(), self._commits.turn(timeout, alone=alone or at_once) as commit:
                transaction = Transaction(commit.connection, self._logged)
                yield transaction
                commit.added += transaction.log.added
            if frees_space and self._reserved_space.disk_is_full():
                self._checkpoint()
        if transaction.versions.erased_secret:
            self._log_has_secret = True
            self.erase_secrets()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Yield a read-only transaction on a snapshot of the catalog. It never waits for writers."""
        with self._catalog_errors(), self._engine.connect().execution_options(read=True) as connection:
            yield Transaction(connection, self._logged)

    def keep_log(self, log: LogFile) -> None:
        """Append to this log what the catalog has and the log lacks: now, and after each later commit.

        Raises `CatalogFailed` if the log is not this catalog's.
        """
        self._log_file = log
        with self.read() as tx:
            first = tx.log.first_sequence()
        if not first:
            with self.write() as tx:
                tx.log.begin()
            return
        self._extend_log()
        if self._appended - first > MAX_KEPT_ENTRIES:
            self.sync_log(of_others=True)

    def sync_log(self, *, of_others: bool = False) -> None:
        """Make the entries durable that this process has appended to the log, or also those of killed processes.

        After a failure, a later call retries it. This is not done before a change is acknowledged: the catalog has the
        entries durably until then.
        """
        if self._log_file is None or self._logged == self._appended or not (self._has_unsynced or of_others):
            return
        appended = self._appended
        try:
            self._log_file.sync()
        except OSError as error:
            _warn_once(os_reason(error))
        else:
            self._logged = appended
            self._has_unsynced = self._appended > appended

    def complete_log(self) -> None:
        """Append to the log all that it lacks: a thread that has just committed may be about to do so."""
        self._log_changes(())

    def _log_changes(self, added: Sequence[LogEntry]) -> None:
        """Append the entries of changes to the log. They are committed, so that they count even if this fails."""
        try:
            self._extend_log(added)
        except Refusal as error:
            _warn_once(error.message.rstrip("."))

    def _extend_log(self, added: Sequence[LogEntry] = ()) -> None:
        """Append the `added` entries, and all others that the log lacks. If the disk fails, the next change retries it.

        Raises `CatalogFailed` if the log is not this catalog's.
        """
        try:
            last = self._log_file.extend(partial(self._entries_after, added)) if self._log_file else None
        except OSError as error:
            _warn_once(os_reason(error))
        else:
            self._appended = max(self._appended, last.sequence if last else 0)

    def _entries_after(self, added: Sequence[LogEntry], last: LogEntry | None) -> Sequence[LogEntry]:
        if added and added[0].follows(last):
            self._has_unsynced = True
            return added
        with self.read() as tx:
            entries = continuation(last, tx.log.since(last.sequence if last else 0))
        if entries is None:
            raise CatalogFailed(f"The catalog {self._path} and the log of the data differ: one was replaced.")
        self._has_unsynced = self._has_unsynced or bool(entries)
        return entries

    def erase_secrets(self) -> None:
        """Empty the write-ahead log if it still has a secret that a transaction erased. The log has the earlier values.

        Best effort: if a reader blocks it for longer than a second, or the disk fails, a later call retries.
        """
        if not self._log_has_secret:
            return
        with suppress(sqlite3.Error), closing(sqlite3.connect(self._path, timeout=_ERASURE_TIMEOUT)) as connection:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            self._log_has_secret = bool(busy)

    def _checkpoint(self) -> None:
        """Let the next change reuse the write-ahead log instead of extending it. Best effort."""
        with suppress(sqlite3.Error), closing(sqlite3.connect(self._path, timeout=0)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _catalog_errors(self) -> Iterator[None]:
        """Translate the database's failures into refusals. An error in a query stays an exception."""
        try:
            yield
        except DatabaseError as error:
            if type(error) not in (DatabaseError, OperationalError):
                raise
            if _is_busy(error.orig):
                raise Busy.waited() from error
            path, cause = self._engine.url.database, str(error.orig)
            # SQLite reports some failures of a full disk as "I/O error".
            if "is full" in cause or ("I/O error" in cause and self._reserved_space.disk_is_full()):
                raise NoSpace(
                    f"There is no space left for the catalog, {path}. Nothing was done."
                    " Free some space on that disk, then try again.",
                    public="There is no space left for the catalog. Nothing was done. Free some space, then try again.",
                ) from error
            if self.read_only and "unable to open" in cause and _log_lacks_index(self._path):
                raise CatalogFailed(
                    f"The catalog {path} cannot be read: {self._path.name}-shm is missing and cannot be created here."
                    " Nothing was changed. Run this as a user who can write to the folder or to a copy: grid datastore"
                ) from error
            if "not a database" in cause or "malformed" in cause:
                raise _damaged(self._path, cause) from error
            raise CatalogFailed(f"The catalog {path} cannot be used: {cause.strip()}.") from error
        except UnicodeDecodeError as error:  # in SQLite's message, which quotes a schema that is no text any more
            raise _damaged(self._path, error.object.decode(errors="replace")) from error
        except (NoResultFound, ValueError) as error:
            if isinstance(error, UnicodeEncodeError) or not _comes_from_a_query(error):
                raise
            raise _damaged(self._path, str(error).rstrip(".")) from error


def _damaged(path: Path, cause: str) -> Damaged:
    return Damaged(f"The catalog {path} is damaged: {cause}. Restore it from a backup.", public=CatalogFailed.public)


def _comes_from_a_query(error: Exception) -> bool:
    """Return whether a query found no row where there has to be one, or a value that the catalog never writes."""
    modules = [str(frame.f_globals["__name__"]) for frame, _line in walk_tb(error.__traceback__)]
    return any(module.startswith(f"{__package__}.") and module != __name__ for module in modules)


@lru_cache(maxsize=100)
def _warn_once(why: str) -> None:
    """Log once per process and cause, because every later change would log the same warning."""
    _log.warning("the log of the data could not be written: %s. The next change retries it.", why)


def _is_busy(error: BaseException | None) -> bool:
    """Return whether another process held a lock for too long. After its begin, a transaction never waits."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY  # the low byte of an extended code


def _can_be_written(path: Path) -> bool:
    """Return whether SQLite can write the catalog and its write-ahead log, which is in the same folder."""
    return os.access(path, os.W_OK) and os.access(path.resolve().parent, os.W_OK)


def _make_private(path: Path) -> None:
    """Make the catalog and its log readable for their owner only: they hold the signing key and names of users.

    SQLite gives a new log the permissions of the catalog, so the catalog is created here.
    """
    with suppress(OSError):  # SQLite reports why it cannot be created
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for each in (path, *_logs(path)):
        make_private(each)


def _logs(path: Path) -> tuple[Path, Path]:
    """Return the paths of the write-ahead log and its index: next to the file itself, if the path is a link."""
    path = path.resolve()
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _read_only_engine(path: Path) -> Engine:
    """Return an engine whose connections change no byte of the catalog or its log. Each lasts for one transaction.

    If a log exists, SQLite locks parts of its index, as it does for every reader.
    """
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, creator=lambda: connect_read_only(path), poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Return a read-only connection.

    If there is a log, another process works on the catalog or was killed, and the log's content counts. SQLite needs
    the log's index and creates a missing one if it can.

    Without a log, no process has the catalog open and the file is complete. SQLite would still create a log, which is
    impossible or unwanted here, so the file is opened as immutable. A writer that starts meanwhile changes the file
    only at a checkpoint, and this connection lasts for milliseconds.
    """
    how = "mode=ro" if _logs(path)[0].exists() else "immutable=1"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, timeout=Busy.TIMEOUT, check_same_thread=False
    )
    connection.isolation_level = None  # the driver must not begin transactions itself
    return connection


def _has_log(path: Path) -> bool:
    """Return whether there is a log with content."""
    try:
        return _logs(path)[0].stat().st_size > 0
    except OSError:
        return False


def _log_lacks_index(path: Path) -> bool:
    """Return whether there is a log without its index, as in a copy of the folder. SQLite needs both."""
    log, index = _logs(path)
    return log.exists() and not index.exists()


def _writable_engine(path: Path) -> Engine:
    """Return an engine with BEGIN IMMEDIATE, WAL and synchronous=FULL, so that a commit survives a power failure.

    The number of connections has no limit: a reader would wait for one while writers that wait have them all.
    """
    url = URL.create("sqlite", database=str(path))  # not a string: a path can contain URL syntax
    engine = create_engine(url, connect_args={"check_same_thread": False}, max_overflow=-1)

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions itself
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")  # overwrite erased values in the file
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        reading, wait = options.get("read", False), options.get("until", monotonic() + Busy.TIMEOUT) - monotonic()
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute(f"PRAGMA busy_timeout = {max(0, round(1000 * wait))}")
        driver.execute(f"PRAGMA query_only = {reading}")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine
