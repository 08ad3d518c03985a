"""Threads that work in the background, whatever happens to them."""

from __future__ import annotations

from threading import Event

import pytest

from grid_datastores.service import removal
from grid_datastores.service.removal import Worker


class Panic(BaseException):
    """What a library raises that is no `Exception`."""


def test_a_worker_outlives_what_is_no_exception() -> None:
    first, second = Event(), Event()

    def job() -> None:
        if first.is_set():
            second.set()
            return
        first.set()
        raise Panic

    worker = Worker("job", job, interval=60)
    worker.start()
    assert first.wait(30)
    worker.wake()
    assert second.wait(30), "it is dead"
    worker.stop()
    worker.join(30)


def test_a_job_that_is_not_finished_runs_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "_RETRY_INTERVAL", 0.01)
    left, done = [True, True, None], Event()

    def job() -> object:
        if len(left) == 1:
            done.set()
        return left.pop(0) if left else None

    worker = Worker("job", job, 3600.0)
    worker.start()
    assert done.wait(30)
    worker.stop()
    worker.join(30)
    assert left == []
