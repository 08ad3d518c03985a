"""Files that survive a crash: written beside their place, synced, and renamed there when they are whole."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, BinaryIO, cast
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def is_disk_full(error: OSError) -> bool:
    """Whether the disk, a quota or a limit on the size of files leaves no room."""
    return error.errno in _DISK_FULL


def path_beside(path: Path) -> Path:
    """A path in the same folder that nobody else uses."""
    return path.with_name(f"{path.name}.{uuid4().hex}.new")


@contextmanager
def replacing(
    path: Path, mode: int, while_renaming: Callable[[], AbstractContextManager[object]] = nullcontext
) -> Iterator[BinaryIO]:
    """Write a new file with these permissions that takes the place of `path` when the context ends.

    Readers see the old file or the whole new one. After an exception, also one that `while_renaming` raises, the old
    file stays and nothing is left of the new one. The new content is durable, its name only after `sync_folder`.
    """
    beside = path_beside(path)
    try:
        with beside.open("xb") as file:
            os.fchmod(file.fileno(), mode)
            yield file
            _sync(file)
        with while_renaming():
            beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def append_durably(path: Path, data: bytes) -> None:
    """Append to a file that only its owner may read; makes the file where it does not exist."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        _sync(file)


@contextmanager
def temporary_file(folder: Path) -> Iterator[BinaryIO]:
    """An empty file without a name on the disk of `folder`; the system erases it even when the process is killed."""
    with tempfile.TemporaryFile(dir=folder) as file:
        yield cast("BinaryIO", file)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_tree(folder: Path) -> None:
    """Remove a folder, also a read-only one. Not recursive: folders nest deeper than Python calls."""
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


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
