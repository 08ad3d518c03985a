"""A little room that is kept for the catalog, so that on a full disk it can be read and versions can be deleted.

SQLite writes a log beside the catalog, also for who only reads. The room is a file that is removed when it is needed.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SIZE = 256 * 1024  # bytes: the log of a few deletions


class Reserve:
    """The room beside one catalog. It is a help, not a promise: whatever cannot be done with it is left."""

    def __init__(self, catalog: Path) -> None:
        self._path = catalog.with_name(f"{catalog.name}.reserve")

    def give(self) -> None:
        """Let the catalog have it, if the disk is full."""
        if self.disk_is_full():
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def keep(self) -> None:
        """Have it again, as far as there is room, so that nobody else takes it."""
        with suppress(OSError):
            held = self._path.stat().st_size if self._path.exists() else 0
            if held < _SIZE:
                with self._path.open("ab", buffering=0) as file:
                    file.write(bytes(min(_SIZE - held, self._free())))

    def disk_is_full(self) -> bool:
        """Whether there is less than what the catalog needs."""
        try:
            return self._free() < _SIZE
        except OSError:
            return False

    def _free(self) -> int:
        return shutil.disk_usage(self._path.parent).free
