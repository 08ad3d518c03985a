"""Write files durably and atomically, so that a crash leaves either the old or the new contents."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import stat
import tempfile
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, BinaryIO, cast
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from _typeshed import ReadableBuffer

_FICLONE = 0x40049409  # the ioctl of Linux that shares the blocks of another file: btrfs, XFS and others
_EAGER_SIZE = 8 * 1024 * 1024  # bytes; a small file is only written when it is synced
_SYNC_FILE_RANGE_WRITE = 2  # see sync_file_range(2)
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def is_disk_full(error: OSError) -> bool:
    """Return whether the disk is full, or a quota or the maximum file size is reached."""
    return error.errno in _DISK_FULL


def temporary_path(path: Path) -> Path:
    """Return a new, unique path in the same folder."""
    return path.with_name(f"{path.name}.{uuid4().hex}.new")


@contextmanager
def atomic_write(
    path: Path, mode: int, while_renaming: Callable[[], AbstractContextManager[object]] = nullcontext
) -> Iterator[BinaryIO]:
    """Open a new file with these permissions for writing. It replaces `path` when the context ends.

    Enters `while_renaming` during the replacement. After any exception, also from `while_renaming`, the old file stays
    and the new one is removed. The new contents are durable, but the new name only after `sync_folder`.
    """
    temporary = temporary_path(path)
    try:
        with io.BufferedWriter(_EagerFile(temporary, "xb")) as file:
            os.fchmod(file.fileno(), mode)
            yield file
            sync_file(file)
        with while_renaming():
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def append_durably(path: Path, data: bytes) -> None:
    """Append the data durably. If the file does not exist, create it with permissions for its owner only."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        sync_file(file)


def make_private(path: Path) -> None:
    """Remove the permissions of group and others. Best effort: the file may belong to another user."""
    with suppress(OSError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            path.chmod(mode & stat.S_IRWXU)


@contextmanager
def temporary_file(folder: Path) -> Iterator[BinaryIO]:
    """Open an empty, unnamed file on the disk of `folder`. It is erased even if the process is killed."""
    with tempfile.TemporaryFile(dir=folder) as file:
        yield cast("BinaryIO", file)


def clone(source: Path, descriptor: int) -> bool:
    """Make an empty file a copy-on-write copy of the source. Return False if this is impossible here.

    The file system has to support it, and both files have to be on it.
    """
    try:
        with source.open("rb") as file:
            fcntl.ioctl(descriptor, _FICLONE, file.fileno())
    except OSError:
        return False
    return True


class _EagerFile(io.FileIO):
    """A new file that the disk begins to write while more data comes, so that `sync_file` has less to wait for."""

    _written = _begun = 0  # bytes

    def write(self, data: ReadableBuffer) -> int:
        """Write the data and return the number of bytes that were written."""
        count = super().write(data) or 0
        self._written += count
        if self._written - self._begun >= _EAGER_SIZE:
            _begin_writing(self.fileno(), self._begun, self._written - self._begun)
            self._begun = self._written
        return count


def _begin_writing(descriptor: int, start: int, size: int) -> None:
    """Have the disk begin to write these bytes of a file. Best effort, only on Linux; makes nothing durable."""
    import ctypes

    with suppress(AttributeError, OSError):
        begin = ctypes.CDLL(None).sync_file_range
        begin.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
        begin(descriptor, start, size, _SYNC_FILE_RANGE_WRITE)


def sync_file(file: BinaryIO) -> None:
    """Make the contents of an open file durable."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_tree(folder: Path) -> None:
    """Remove a folder with its contents, even if it is read-only.

    Iterates, because folders can be nested deeper than Python's recursion limit.
    """
    folders = [folder]
    for each in folders:
        each.chmod(stat.S_IRWXU)
        with os.scandir(each) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(each / entry.name)
                else:
                    (each / entry.name).unlink()
    for each in reversed(folders):
        each.rmdir()
