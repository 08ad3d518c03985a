"""Headers of tar files, in the pax format, which every tar tool can read.

`tarfile` needs 25 times as long for a header as for the rest of a small file. It only makes the headers that do not fit
into the plain layout (POSIX.1-1988, "ustar").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grid_datastores.domain.model import FileEntry
    from grid_datastores.storage.packing import FileToPack

BLOCK = 512  # bytes; headers and contents are padded to whole blocks
RECORD = 20 * BLOCK  # bytes; a tar file is padded to whole records
_MAX_NAME = 100  # bytes
_MAX_NUMBER = 8**11 - 1  # eleven octal digits
_NO_IDS = b"0000000\0" * 2  # user and group
# After the checksum: a regular file, no link, the magic, and no names or devices.
_REST = (b"0" + bytes(100) + b"ustar\x0000").ljust(356, b"\0")
_FIXED_SUM = sum(_REST) + 8 * ord(" ")  # the checksum counts its own field as blanks
_PADDINGS = [bytes(_MAX_NAME - length) for length in range(_MAX_NAME + 1)]


def tar_header(file: FileToPack | FileEntry) -> bytes:
    """Return the tar header of a file. The time is in whole seconds and not before 1970."""
    mode = 0o755 if file.executable else 0o644
    modified = max(0, (file.modified or 0) // 10**9)
    if file.path.isascii() and len(file.path) <= _MAX_NAME and file.size <= _MAX_NUMBER and modified <= _MAX_NUMBER:
        return _plain(file.path.encode(), mode, file.size, modified)
    return _extended(file.path, mode, file.size, modified)


def _plain(name: bytes, mode: int, size: int, modified: int) -> bytes:
    numbers = b"%07o\0%b%011o\0%011o\0" % (mode, _NO_IDS, size, modified)
    checksum = sum(name) + sum(numbers) + _FIXED_SUM  # without the padding, which is zeros
    return b"%b%b%b%06o\0 %b" % (name, _PADDINGS[len(name)], numbers, checksum, _REST)


def _extended(path: str, mode: int, size: int, modified: int) -> bytes:
    from tarfile import PAX_FORMAT, TarInfo

    info = TarInfo(path)
    info.size, info.mode, info.mtime = size, mode, modified
    return info.tobuf(PAX_FORMAT)


def tar_folder(path: str) -> bytes:
    """Return the tar header of an empty folder."""
    from tarfile import DIRTYPE, PAX_FORMAT, TarInfo

    info = TarInfo(path)
    info.type = DIRTYPE
    info.mode = 0o755
    return info.tobuf(PAX_FORMAT)
