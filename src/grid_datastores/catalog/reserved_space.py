"""Disk space reserved for the catalog, so that a full disk can still be read from and versions can be deleted.

SQLite writes a log beside the catalog even for readers. The reserved space is a file that is removed when needed.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SIZE = 256 * 1024  # bytes: the log of a few deletions


class ReservedSpace:
    """The reserved space of one catalog. Best effort: failures are ignored."""

    def __init__(self, catalog: Path) -> None:
        self._lock = Lock()
        self._users = 0  # threads that may need the space
        self._path = catalog.with_name(f"{catalog.name}.reserve")

    @contextmanager
    def released(self) -> Iterator[None]:
        """Free the space for the catalog if the disk is full. Reserve it again when all threads have ended this.

        After an error other than `Busy`, it stays free for the next attempt.
        """
        with self._lock:
            self._users += 1
            if self.disk_is_full():
                with suppress(OSError):
                    self._path.unlink(missing_ok=True)
        reserves = False
        try:
            yield
            reserves = True
        except Busy:
            reserves = True
            raise
        finally:
            with self._lock:
                self._users -= 1
                if reserves and not self._users:
                    self._reserve()

    def _reserve(self) -> None:
        """Reserve the space, as far as the disk has room."""
        with suppress(OSError):
            reserved = self._path.stat().st_size if self._path.exists() else 0
            if reserved < _SIZE:
                with self._path.open("ab", buffering=0) as file:
                    file.write(bytes(min(_SIZE - reserved, self._free())))

    def disk_is_full(self) -> bool:
        """Return whether the free space is too small for the catalog."""
        try:
            return self._free() < _SIZE
        except OSError:
            return False

    def _free(self) -> int:
        return shutil.disk_usage(self._path.parent).free
