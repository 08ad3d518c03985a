"""Locks that show which Runs have a process on this machine. A process that dies releases its lock."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from grid_datastores.system.file_locks import exclusive_lock, shared_lock

if TYPE_CHECKING:
    from pathlib import Path

    from grid_datastores.domain.model import Workload


class RunLocks:
    """A folder with a lock file for each Run that a process of this machine executes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held = ExitStack()

    def acquire(self, run: Workload) -> None:
        """Hold the Run's lock until `release`. Best effort: without a lock, only heartbeats keep the Run alive."""
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            path = self._folder / run.id
            self._held.enter_context(shared_lock(path))
            self._held.callback(path.unlink, missing_ok=True)

    def release(self) -> None:
        """Release all locks of this process."""
        self._held.close()

    def is_alive(self, run: Workload) -> bool:
        """Return whether a process of this machine executes the Run, even if it slept and sent no heartbeat."""
        path = self._folder / run.id
        if not path.exists():
            return False
        try:
            with exclusive_lock(path, wait=False):
                path.unlink(missing_ok=True)
        except BlockingIOError:
            return True
        return False
