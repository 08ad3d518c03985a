"""The removal: erases the bytes of deleted versions, then records the time (rule delete-removes-bytes).

It works through the queue in the catalog, so the next process finishes the work of a killed one. Erasing is idempotent:
two processes can erase the same version. It ends the readers of the version. While one still has a file open, the
version stays queued: its bytes are erased, but this is not recorded yet.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import Refusal
from grid_datastores.domain.model import EventKind
from grid_datastores.domain.text import os_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from grid_datastores.domain.model import Version, VersionRef
    from grid_datastores.service.context import Context

_log = logging.getLogger(__name__)

_BATCH = 100  # versions whose removal is recorded at once
_RETRY_INTERVAL = 1.0  # seconds, of a job that is not finished
READERS_TIMEOUT = timedelta(minutes=2)  # by the clock of leases; then a stuck reader no longer delays the record


def run_removals(context: Context) -> bool:
    """Erase all queued versions. Return whether some stay queued, because they have readers or cannot be erased.

    Before, their deletions become durable in the log: a catalog from a backup must not list a version without bytes.
    """
    with context.catalog.read() as tx:
        queued = tx.versions.queued_removals()
    if queued:
        context.catalog.complete_log()
    context.catalog.sync_log(of_others=True)
    batches = [queued[start : start + _BATCH] for start in range(0, len(queued), _BATCH)]
    removed = [remove(batch, context) for batch in batches]
    return not all(removed)


def remove(versions: Sequence[Version], context: Context) -> bool:
    """Erase the bytes of queued versions. Return False if one stays queued: it has readers, or this failed.

    Enforces delete-removes-bytes.
    """
    erased = [version for version in versions if erase(version, context)]
    if not erased:
        return not versions
    try:
        context.storage.sync_erased()
    except OSError as error:
        _warn_once(erased[0].ref, os_reason(error))
        return False
    with context.catalog.write(frees_space=True) as tx:
        now = context.clock()
        for version_id in tx.versions.mark_bytes_gone([version.id for version in erased], now):
            tx.versions.record(version_id, EventKind.BYTES_GONE, "removal", "no byte is left", now)
    return len(erased) == len(versions)


def erase(version: Version, context: Context) -> bool:
    """Erase the bytes of one version. Return False if it has readers, or if this failed."""
    context.readers.end(version.id)
    try:
        if context.storage.erase(version.id, ignore_readers=version.deleted_at is None):
            if not _is_timed_out(version, context):
                return False
            context.storage.erase(version.id, ignore_readers=True)
    except OSError as error:
        _warn_once(version.ref, os_reason(error))
        return False
    return True


def _is_timed_out(version: Version, context: Context) -> bool:
    """Return whether the readers of the version no longer delay its removal. The first call starts their time."""
    with context.catalog.read() as tx:
        since, now = tx.removals.readers_since(version.id), context.leases.now(tx)
    if since is None:
        with context.catalog.write(frees_space=True) as tx:
            tx.removals.wait_for_readers(version.id, now)
    return since is not None and now >= since + READERS_TIMEOUT


@lru_cache(maxsize=1000)
def _warn_once(ref: VersionRef, why: str) -> None:
    """Log once per process and cause, because every retry would log the same warning."""
    _log.warning("the bytes of %s could not be erased: %s. The removal will be retried.", ref, why)


class Worker:
    """A thread that runs a job at its start, whenever it is woken, and again after each interval (seconds).

    A job that returns True is not finished and runs again after at most a second. There is a `pause` between two runs.
    """

    def __init__(self, name: str, job: Callable[[], object], interval: float, pause: float = 0.0) -> None:
        self._job = job
        self._interval = interval
        self._pause = pause
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
        unfinished = False
        while not self._stop.is_set():
            self._work.wait(min(_RETRY_INTERVAL, self._interval) if unfinished else self._interval)
            self._work.clear()
            try:
                unfinished = self._job() is True
            except Refusal as error:
                _log.warning("%s failed and will be retried: %s", self._thread.name, error.message)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:  # not only `Exception`: no other thread does this job
                _log.exception("%s failed and will be retried", self._thread.name)
            self._stop.wait(self._pause)
