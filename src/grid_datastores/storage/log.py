"""The log of a local folder: an append-only file beside the versions, one line for each entry.

It grows by one line for each version that is created or deleted, as the catalog does. Only its end is read at a start.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, BinaryIO

from grid_datastores.domain.errors import Busy, CatalogFailed, Damaged
from grid_datastores.domain.log import LogEnd, LogEntry
from grid_datastores.domain.text import os_reason
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
    def end(self) -> Iterator[LogEnd]:
        with ExitStack() as stack:
            try:
                file = stack.enter_context(self._path.open("rb"))
                wait_for_shared_lock(file.fileno(), Busy.TIMEOUT)
                end = _end(file)[0]
            except FileNotFoundError:
                end = LogEnd()
            except TimeoutError as error:
                raise Busy(
                    f"The log of the data cannot be read: {os_reason(error)}: {self._path}. Nothing was changed."
                    " Try again in a few seconds."
                ) from error
            except OSError as error:
                raise CatalogFailed(
                    f"The log of the data cannot be read: {os_reason(error)}: {self._path}. Nothing was changed."
                ) from error
            yield end

    def extend(self, entries_after: Callable[[LogEntry | None], Sequence[LogEntry]]) -> LogEntry | None:
        is_new = not self._path.exists()
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            wait_for_lock(descriptor, Busy.TIMEOUT)
            end, position = _end(file)
            last, entries = end.last, entries_after(end.last)
            if entries:
                file.seek(position)
                file.truncate()  # what a killed process wrote of a line
                file.write(b"".join(entry.encode() for entry in entries))
        if is_new:
            sync_folder(self._path.parent)
        return entries[-1] if entries else last

    def sync(self) -> None:
        with self._path.open("rb") as file:
            os.fsync(file.fileno())

    def entries(self) -> Iterator[LogEntry]:
        with self.end() as end:
            if end.last is None:
                return
            previous: LogEntry | None = None
            with self._path.open("rb") as file:
                while previous != end.last:
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


def _end(file: BinaryIO) -> tuple[LogEnd, int]:
    """Return the end of the log and the position after its last whole entry."""
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
                return LogEnd(entry, len(lines) - 1 - index), end
            end -= len(lines[index])
        if start == 0:
            return LogEnd(None, len(lines)), 0
        window *= 8
