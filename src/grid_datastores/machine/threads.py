"""Do many small jobs in threads. It pays for jobs that are mostly system calls, which release Python's lock."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Job = TypeVar("Job")
_THREADS = 2
_BATCH = 64  # jobs that are handed over at once, unless they are larger together than this many bytes:
_BATCH_SIZE = 1024 * 1024
_WAITING = 4  # batches; then the caller waits


@contextmanager
def in_threads(do: Callable[[Job], object]) -> Iterator[Callable[[Job, int], None]]:
    """Yield a function that takes a job and its size in bytes. When the context ends, `do` was called for each job.

    The jobs are done in any order; few jobs are done without threads. After an error, no further job is begun. It is
    raised by the function or at the end of the context.
    """
    threads: list[Thread] = []
    batches: Queue[list[Job] | None] = Queue(_WAITING)
    errors: list[BaseException] = []
    batch: list[Job] = []
    size = 0

    def run() -> None:
        while (jobs := batches.get()) is not None:
            try:
                for job in jobs:
                    if errors:
                        break
                    do(job)
            except BaseException as error:
                errors.append(error)

    def start() -> bool:
        """Start the threads. Return False if the system allows none."""
        with suppress(RuntimeError):
            for _ in range(_THREADS):
                thread = Thread(target=run, name="small jobs", daemon=True)
                thread.start()
                threads.append(thread)
        return bool(threads)

    def add(job: Job, job_size: int) -> None:
        nonlocal batch, size
        batch.append(job)
        size += job_size
        if len(batch) >= _BATCH or size >= _BATCH_SIZE:
            full, batch, size = batch, [], 0
            if threads or start():
                batches.put(full)
            else:
                for each in full:
                    do(each)
            if errors:
                raise errors[0]

    def end() -> None:
        for _ in threads:
            batches.put(None)
        for thread in threads:
            thread.join()

    try:
        yield add
        for job in batch:
            do(job)
        end()
    except BaseException as error:  # also Ctrl-C while the threads end
        errors.append(error)
        end()
        raise
    if errors:
        raise errors[0]
