"""The removal: erases deleted versions' bytes, then records the moment (rule delete-removes-bytes).

It works off the queue in the catalog, so whatever a killed process left behind is done by the next one.
Erasing is idempotent: two processes that erase the same version do no harm.
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
    from grid_datastores.storage import LocalStorage

_log = logging.getLogger(__name__)


def run_removals(catalog: Catalog, storage: LocalStorage, clock: Callable[[], datetime]) -> int:
    """Erase all that is queued; says how many versions. One that cannot be erased now stays queued."""
    with catalog.read() as tx:
        queued = tx.versions.queued_removals()
    return sum(remove(version, catalog, storage, clock) for version in queued)


def remove(version: Version, catalog: Catalog, storage: LocalStorage, clock: Callable[[], datetime]) -> bool:
    """Erase the bytes of a version that is queued; False when it stays queued."""
    try:
        storage.erase(version.id)
    except OSError as error:
        _tell(version.ref, os_reason(error))
        return False
    with catalog.write(frees=True) as tx:
        if tx.versions.mark_bytes_gone(version.id, clock()):
            tx.versions.record(version.id, EventKind.BYTES_GONE, "removal", "no byte is left", clock())
    return True


@lru_cache(maxsize=1000)
def _tell(ref: VersionRef, why: str) -> None:
    """Once in a process: it is tried again and again."""
    _log.warning("the bytes of %s could not be erased yet: %s. It is tried again.", ref, why)


class Worker:
    """A thread that does a job at its start, whenever it is woken, and again every so many seconds."""

    def __init__(self, name: str, job: Callable[[], object], every: float) -> None:
        self._job = job
        self._every = every
        self._work = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin with what is waiting."""
        self._work.set()
        self._thread.start()

    def wake(self) -> None:
        """There is work now."""
        self._work.set()

    def stop(self) -> None:
        """Finish the job at hand, then end."""
        self._stop.set()
        self._work.set()

    def join(self, seconds: float) -> None:
        """Wait for the end, for so long; a thread that has not ended by then ends with the process."""
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._work.wait(self._every)
            self._work.clear()
            try:
                self._job()
            except Refusal as error:
                _log.warning("%s did not get through, and tries again: %s", self._thread.name, error.message)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:  # also what is no `Exception`: nobody else would do the job
                _log.exception("%s failed; it is tried again", self._thread.name)
