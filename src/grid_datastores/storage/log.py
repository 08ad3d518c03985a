"""The log of a local folder: an append-only file beside the versions, one line for each entry.

It grows by one line for each version that is created or deleted, as the catalog does. Only its end is read at a start.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from grid_datastores.domain.errors import CatalogFailed, Damaged
from grid_datastores.domain.log import LogEntry
from grid_datastores.system.file_locks import wait_for_lock, wait_for_shared_lock
from grid_datastores.system.files import atomic_write, sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

_WINDOW = 16 * 1024  # bytes that are read at the end first; a line is much shorter


class LocalLog:
    """See `Log`. Processes that append wait for each other and for readers."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def last(self) -> Iterator[LogEntry | None]:
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            yield None
            return
        with os.fdopen(descriptor, "rb") as file:
            wait_for_shared_lock(descriptor)
            yield _last_entry(file)[0]

    def extend(self, entries_after: Callable[[LogEntry | None], Sequence[LogEntry]]) -> LogEntry | None:
        is_new = not self._path.exists()
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            wait_for_lock(descriptor)
            last, end = _last_entry(file)
            entries = entries_after(last)
            if entries:
                file.seek(end)
                file.truncate()  # what a killed process wrote of a line
                file.write(b"".join(entry.encode() for entry in entries))
        if is_new:
            sync_folder(self._path.parent)
        return entries[-1] if entries else last

    def sync(self) -> None:
        with self._path.open("rb") as file:
            os.fsync(file.fileno())

    def entries(self) -> Iterator[LogEntry]:
        with self.last() as last:
            if last is None:
                return
            previous: LogEntry | None = None
            with self._path.open("rb") as file:
                while previous != last:
                    entry = LogEntry.decode(file.readline())
                    if entry is None or not entry.follows(previous):
                        line = previous.sequence + 1 if previous else 1
                        raise Damaged(
                            f"The log {self._path} is damaged in line {line}. Restore it from a backup.",
                            public=CatalogFailed.public,
                        )
                    yield entry
                    previous = entry

    def replace(self, entries: Iterable[LogEntry]) -> None:
        with atomic_write(self._path, 0o600) as file:
            file.writelines(entry.encode() for entry in entries)
        sync_folder(self._path.parent)


def _last_entry(file: BinaryIO) -> tuple[LogEntry | None, int]:
    """Return the last whole entry and the position after it. Ignores lines at the end that are torn or damaged."""
    size = file.seek(0, os.SEEK_END)
    window = _WINDOW
    while True:
        start = max(0, size - window)
        file.seek(start)
        lines = file.read(size - start).splitlines(keepends=True)
        end, first = size, 0 if start == 0 else 1  # the first line of a window may be cut off
        for index in range(len(lines) - 1, first - 1, -1):
            entry = LogEntry.decode(lines[index])
            before = LogEntry.decode(lines[index - 1]) if index > first else None
            if entry and (index > first or start == 0) and entry.follows(before):
                return entry, end
            end -= len(lines[index])
        if start == 0:
            return None, 0
        window *= 8
