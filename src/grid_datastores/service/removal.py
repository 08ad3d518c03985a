"""The removal: erases the bytes of deleted versions, then records the time (rule delete-removes-bytes).

It works through the queue in the catalog, so the next process finishes the work of a killed one. Erasing is idempotent:
two processes can erase the same version.
"""

from __future__ import annotations

import logging
import threading
from functools import lru_cache
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import Refusal
from grid_datastores.domain.model import EventKind
from grid_datastores.domain.text import os_reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from grid_datastores.catalog import Catalog
    from grid_datastores.domain.model import Version, VersionRef
    from grid_datastores.storage import Storage

_log = logging.getLogger(__name__)


def run_removals(catalog: Catalog, storage: Storage, clock: Callable[[], datetime]) -> int:
    """Erase all queued versions and return how many were erased. A version that cannot be erased stays queued."""
    with catalog.read() as tx:
        queued = tx.versions.queued_removals()
    return sum(remove(version, catalog, storage, clock) for version in queued)


def remove(version: Version, catalog: Catalog, storage: Storage, clock: Callable[[], datetime]) -> bool:
    """Erase the bytes of a queued version. Return False if this failed and it stays queued.

    Enforces delete-removes-bytes.
    """
    try:
        storage.erase(version.id)
    except OSError as error:
        _warn_once(version.ref, os_reason(error))
        return False
    with catalog.write(frees_space=True) as tx:
        if tx.versions.mark_bytes_gone(version.id, clock()):
            tx.versions.record(version.id, EventKind.BYTES_GONE, "removal", "no byte is left", clock())
    return True


@lru_cache(maxsize=1000)
def _warn_once(ref: VersionRef, why: str) -> None:
    """Log once per process and cause, because every retry would log the same warning."""
    _log.warning("the bytes of %s could not be erased: %s. The removal will be retried.", ref, why)


class Worker:
    """A thread that runs a job at its start, whenever it is woken, and again after each interval (seconds)."""

    def __init__(self, name: str, job: Callable[[], object], interval: float) -> None:
        self._job = job
        self._interval = interval
        self._work = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread. It runs the job at once."""
        self._work.set()
        self._thread.start()

    def wake(self) -> None:
        """Run the job soon, because there is new work."""
        self._work.set()

    def stop(self) -> None:
        """End the thread after the current job."""
        self._stop.set()
        self._work.set()

    def join(self, seconds: float) -> None:
        """Wait up to so many seconds for the thread to end. Otherwise it ends with the process."""
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._work.wait(self._interval)
            self._work.clear()
            try:
                self._job()
            except Refusal as error:
                _log.warning("%s failed and will be retried: %s", self._thread.name, error.message)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:  # not only `Exception`: no other thread does this job
                _log.exception("%s failed and will be retried", self._thread.name)
