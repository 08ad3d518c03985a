"""The Runs whose processes live on this machine: each holds a lock that dies with it."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from grid_datastores.system.file_locks import alone, shared

if TYPE_CHECKING:
    from pathlib import Path

    from grid_datastores.domain.model import Workload


class LivingRuns:
    """A folder with a lock for each Run that this process, or another one here, is at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held = ExitStack()

    def hold(self, run: Workload) -> None:
        """This process is at the Run, until `release`. Where no lock can be had, only its heartbeats say so."""
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            path = self._folder / run.id
            self._held.enter_context(shared(path))
            self._held.callback(path.unlink, missing_ok=True)

    def release(self) -> None:
        """This process is at no Run any more."""
        self._held.close()

    def lives(self, run: Workload) -> bool:
        """Whether a process of this machine is at the Run, even if it slept too long to send a heartbeat."""
        path = self._folder / run.id
        if not path.exists():
            return False
        try:
            with alone(path, wait=False):
                path.unlink(missing_ok=True)
        except BlockingIOError:
            return True
        return False
