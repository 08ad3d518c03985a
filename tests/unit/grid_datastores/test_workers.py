"""Threads that work in the background, whatever happens to them."""

from __future__ import annotations

from threading import Event

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
