"""The turns of the threads that change the catalog. They share commits, because each commit waits for the disk.

A thread whose change is complete passes the open transaction on to the next one that waits for its turn. The last of
them commits for all. Nobody hears that their change succeeded, or that it was refused, before the commit.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock
from time import monotonic
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection, Engine

    from grid_datastores.domain.log import LogEntry

MAX_CHANGES = 64  # in one commit


@dataclass(eq=False, slots=True)
class Commit:
    """Changes that are committed together, on one connection."""

    connection: Connection
    changes: int = 0
    added: list[LogEntry] = field(default_factory=list)  # to the log
    error: BaseException | None = None  # why none of the changes was made
    ended: Event = field(default_factory=Event)


@dataclass(eq=False, slots=True)
class _Waiter:
    alone: bool
    granted: Event = field(default_factory=Event)
    commit: Commit | None = None  # to add its change to, if one is open


class Commits:
    """Gives the threads of one process their turns, in the order in which they came."""

    def __init__(self, engine: Engine, committed: Callable[[Sequence[LogEntry]], object]) -> None:
        """Work on this engine. Call `committed` after each commit that has added to the log, with what it added."""
        self._engine = engine
        self._committed = committed
        self._mutex = Lock()
        self._waiting: deque[_Waiter] = deque()
        self._taken = False

    @contextmanager
    def turn(self, timeout: float, *, alone: bool) -> Iterator[Commit]:
        """Yield the commit to add a change to. Returns when the change is durable.

        An exception undoes the change. If it is `alone`, no other change waits for its end, and it waits for no later
        one. Raises `Busy` if its turn does not come within the timeout, in seconds.
        """
        until = monotonic() + timeout
        commit = self._take(until, alone=alone) or self._begin(until)
        refusal: BaseException | None = None
        try:
            with _undoing(commit):
                yield commit
        except BaseException as error:
            refusal = error
        commit.changes += 1
        if alone or not self._passed_on(commit):
            self._end(commit)
        commit.ended.wait()
        if failure := commit.error or refusal:
            raise failure

    def _take(self, until: float, *, alone: bool) -> Commit | None:
        """Wait for the turn. Return the commit that the one before has left open, if any."""
        with self._mutex:
            if not self._taken:
                self._taken = True
                return None
            waiter = _Waiter(alone)
            self._waiting.append(waiter)
        try:
            granted = waiter.granted.wait(max(0.0, until - monotonic()))
        except BaseException:
            if not self._withdrawn(waiter):
                self._leave(waiter.commit)
            raise
        if not granted and self._withdrawn(waiter):
            raise Busy.waited()
        return waiter.commit

    def _withdrawn(self, waiter: _Waiter) -> bool:
        """Give up waiting. Return False if the turn has come meanwhile."""
        with self._mutex:
            if waiter.granted.is_set():
                return False
            self._waiting.remove(waiter)
            return True

    def _begin(self, until: float) -> Commit:
        """Begin a transaction, waiting for other processes until this time."""
        try:
            connection = self._engine.connect().execution_options(until=until)
            try:
                connection.begin()
            except BaseException:
                connection.close()
                raise
        except BaseException:
            self._give_back()
            raise
        return Commit(connection)

    def _passed_on(self, commit: Commit) -> bool:
        """Leave the commit open for the next change. Return False if it has to end now."""
        if commit.error or commit.changes >= MAX_CHANGES or not commit.connection.in_transaction():
            return False
        with self._mutex:
            if not self._waiting or self._waiting[0].alone:
                return False
            self._grant_next(commit)
            return True

    def _leave(self, commit: Commit | None) -> None:
        """Give the turn back without a change."""
        if commit is None:
            self._give_back()
        elif not self._passed_on(commit):
            self._end(commit)

    def _give_back(self) -> None:
        with self._mutex:
            if self._waiting:
                self._grant_next(None)
            else:
                self._taken = False

    def _grant_next(self, commit: Commit | None) -> None:
        waiter = self._waiting.popleft()
        waiter.commit = commit
        waiter.granted.set()

    def _end(self, commit: Commit) -> None:
        """Commit, then let the next thread begin, then those of this commit go on."""
        try:
            with commit.connection as connection:
                if commit.error is None and connection.in_transaction():
                    _commit(connection)
        except BaseException as error:
            commit.error = error
        finally:
            self._give_back()
        try:
            if commit.added and not commit.error:
                self._committed(commit.added)
        finally:
            commit.ended.set()


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except BaseException:
        connection.invalidate()  # its transaction may still be open
        raise


@contextmanager
def _undoing(commit: Commit) -> Iterator[None]:
    """Undo a change that fails, and no earlier one. If that is impossible, the whole commit fails."""
    connection = commit.connection
    is_first = not commit.changes
    try:
        if not is_first:
            connection.exec_driver_sql("SAVEPOINT change")
        yield
        if not is_first:
            connection.exec_driver_sql("RELEASE change")
    except BaseException as error:
        try:
            if is_first:
                connection.rollback()
            else:
                connection.exec_driver_sql("ROLLBACK TO change")
                connection.exec_driver_sql("RELEASE change")
        except BaseException:  # SQLite has undone everything, for example because the disk is full
            commit.error = error
        raise
