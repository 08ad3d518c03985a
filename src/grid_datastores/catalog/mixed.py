"""Notice a catalog whose file and write-ahead log were copied at different times, by its missing pages."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

# See https://www.sqlite.org/fileformat2.html
_LOG_HEADER = struct.Struct(">8xI4x8s8x")  # the page size and the salt
_FRAME_HEADER = struct.Struct(">II8s8x")  # the page, the pages after a commit or 0, and the salt
_LARGEST_PAGE = 65536  # stored as 1 in the file's header


def lacks_pages(path: Path) -> bool:
    """Return whether the file and its log together lack a page. Such a catalog has to be checked in whole.

    Reads only the headers, and some bytes of each page in the log. Another process can change both meanwhile, so a page
    can seem to be missing.
    """
    path = path.resolve()
    with suppress(OSError, struct.error), path.open("rb") as file:
        header = file.read(36)
        page_size = int.from_bytes(header[16:18], "big")
        page_size = _LARGEST_PAGE if page_size == 1 else page_size
        if not page_size:
            return False
        stored = path.stat().st_size // page_size
        with suppress(FileNotFoundError), path.with_name(f"{path.name}-wal").open("rb") as log:
            if found := _logged(log):
                pages, logged = found
                return len({page for page in logged if stored < page <= pages}) < pages - stored
        return int.from_bytes(header[28:32], "big") > stored
    return False


def _logged(log: BinaryIO) -> tuple[int, set[int]] | None:
    """Return the number of pages after the last commit in the log, and the pages in the log. None without a commit."""
    header = log.read(_LOG_HEADER.size)
    if len(header) < _LOG_HEADER.size:
        return None
    page_size, salt = _LOG_HEADER.unpack(header)
    pages, seen, committed = 0, set[int](), set[int]()
    while len(frame := log.read(_FRAME_HEADER.size)) == _FRAME_HEADER.size:
        page, after, frame_salt = _FRAME_HEADER.unpack(frame)
        if frame_salt != salt:
            break
        seen.add(page)
        if after:
            pages, committed = after, committed | seen
            seen.clear()
        log.seek(page_size, 1)
    return (pages, committed) if pages else None
