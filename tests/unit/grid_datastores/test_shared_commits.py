"""Changes of several threads that share a commit: each is made or refused alone, and heard of after the commit."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from acceptance.waiting import wait_until
from grid_datastores.catalog import Catalog
from grid_datastores.catalog import commits as commits_module
from grid_datastores.domain.errors import Busy, CatalogFailed, NotFound
from grid_datastores.service import Service

_MANY = 8


@pytest.fixture
def catalog(service: Service) -> Catalog:
    return service.context.catalog


@pytest.fixture
def commits(catalog: Catalog) -> list[int]:
    """A list that grows by each commit."""
    seen: list[int] = []
    event.listen(catalog._engine, "commit", lambda _connection: seen.append(1))
    return seen


@contextmanager
def _together(catalog: Catalog, *changes: Callable[[], object]) -> Iterator[list[Future[object]]]:
    """Begin the changes while another one has the turn, so that they wait for it in this order."""
    with ThreadPoolExecutor(len(changes)) as pool:
        begun = []
        with catalog.write(alone=True):
            for change in changes:
                begun.append(pool.submit(change))
                wait_until(lambda: len(catalog._commits._waiting) == len(begun), "the change waits")
        yield begun


def _put(catalog: Catalog, name: str) -> Callable[[], object]:
    def change() -> None:
        with catalog.write() as tx:
            tx.facts.put(name, "x")

    return change


def _has(catalog: Catalog, name: str) -> bool:
    with catalog.read() as tx:
        return tx.facts.get(name) is not None


def test_changes_that_wait_for_each_other_share_one_commit(catalog: Catalog, commits: list[int]) -> None:
    with _together(catalog, *(_put(catalog, f"n{n}") for n in range(_MANY))) as begun:
        for change in begun:
            change.result()
    assert all(_has(catalog, f"n{n}") for n in range(_MANY))
    assert len(commits) == 2  # the other one is of the change that had the turn


def test_no_commit_has_too_many_changes(catalog: Catalog, commits: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits_module, "MAX_CHANGES", 4)
    with _together(catalog, *(_put(catalog, f"n{n}") for n in range(_MANY))):
        pass
    assert len(commits) == 1 + _MANY / 4


def test_a_refused_change_undoes_no_other(catalog: Catalog, commits: list[int]) -> None:
    def refused() -> None:
        with catalog.write() as tx:
            tx.facts.put("refused", "x")
            raise NotFound("no")

    with _together(catalog, _put(catalog, "a"), refused, _put(catalog, "b")) as (first, second, third):
        first.result()
        third.result()
        with pytest.raises(NotFound):
            second.result()
    assert (_has(catalog, "a"), _has(catalog, "refused"), _has(catalog, "b")) == (True, False, True)
    assert len(commits) == 2


def test_nobody_hears_of_a_change_or_a_refusal_before_the_commit(catalog: Catalog) -> None:
    entered, leave = threading.Event(), threading.Event()

    def refused() -> None:
        with catalog.write():
            raise NotFound("no")

    def slow() -> None:
        with catalog.write():
            entered.set()
            leave.wait(60)

    with _together(catalog, _put(catalog, "a"), refused, slow) as (first, second, third):
        entered.wait(60)
        try:
            assert not first.done()
            assert not second.done()
            assert not _has(catalog, "a")
        finally:
            leave.set()
        third.result()
        first.result()
        with pytest.raises(NotFound):
            second.result()
    assert _has(catalog, "a")


def test_no_change_waits_for_one_that_takes_long(catalog: Catalog) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow() -> None:
        with catalog.write(alone=True):
            entered.set()
            leave.wait(60)

    with _together(catalog, _put(catalog, "a"), slow) as (first, _second):
        entered.wait(60)
        try:
            first.result(60)
            assert _has(catalog, "a")
        finally:
            leave.set()


def test_all_changes_fail_with_their_commit(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_connection: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    def break_disk() -> None:
        with catalog.write():
            monkeypatch.setattr(catalog._engine.dialect, "do_commit", fail)

    with _together(catalog, _put(catalog, "a"), break_disk, _put(catalog, "b")) as begun:
        for change in begun:
            with pytest.raises(CatalogFailed):
                change.result()
    monkeypatch.undo()
    assert (_has(catalog, "a"), _has(catalog, "b")) == (False, False)
    _put(catalog, "c")()
    assert _has(catalog, "c")


def test_all_changes_fail_if_one_of_them_undoes_all(catalog: Catalog) -> None:
    """As SQLite does by itself if the disk is full."""

    def full() -> None:
        with catalog.write() as tx:
            tx.facts.put("b", "x")
            tx.facts._connection.exec_driver_sql("ROLLBACK")
            raise NotFound("no")

    with _together(catalog, _put(catalog, "a"), full, _put(catalog, "c")) as (first, second, third):
        third.result()
        for change in (first, second):
            with pytest.raises(NotFound):
                change.result()
    assert (_has(catalog, "a"), _has(catalog, "b"), _has(catalog, "c")) == (False, False, True)


def test_a_change_that_no_longer_waits_is_passed_over(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadPoolExecutor(2) as pool, catalog.write(alone=True):
        monkeypatch.setattr(Busy, "TIMEOUT", 0.2)
        impatient = pool.submit(_put(catalog, "a"))
        wait_until(lambda: len(catalog._commits._waiting) == 1, "the change waits")
        monkeypatch.undo()
        patient = pool.submit(_put(catalog, "b"))
        with pytest.raises(Busy):
            impatient.result()
    patient.result()
    assert (_has(catalog, "a"), _has(catalog, "b")) == (False, True)
