"""Write a version's files into a new folder and verify them against the manifest. If this fails, no folder remains.

Modification times, executable bits and empty folders are restored (rule version-complete). The other permissions follow
the umask of this process.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from hashlib import sha256
from itertools import groupby
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import Damaged, Refusal, SourceFailed
from grid_datastores.domain.model import ETAG
from grid_datastores.domain.text import counted, os_reason
from grid_datastores.machine.staging import StagingFolder
from grid_datastores.system.files import clone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from grid_datastores.domain.model import FileEntry
    from grid_datastores.storage.manifest import Manifest

_CHUNK_SIZE = 1024 * 1024  # bytes

# The file system rejects one name: it is too long, cannot be encoded, or differs from another name only by case.
_NAME_REJECTED = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.EEXIST, errno.EISDIR, errno.ENOTDIR}


def restore(
    manifest: Manifest,
    read_object: Callable[[str], Iterable[bytes]],
    destination: Path,
    progress: Callable[[int], object],
    local_object: Callable[[str], Path | None] = lambda _name: None,
    *,
    directory: Path,
) -> dict[str, str]:
    """Write all files below `destination`, which must not exist yet.

    Return the paths whose names the file system rejected, each with the reason. All other files are written.
    `read_object` streams an object by its name. `local_object` returns its path if this machine stores it. A file that
    is such an object becomes a copy-on-write copy if the file system supports that. It needs no space until it changes.
    `directory` is the settings directory, where the staging folder is noted in case this process is killed.
    """
    check_new(destination)
    with _staging(destination, directory) as folder:
        return _write_all(manifest, read_object, folder, progress, local_object)


def check_new(destination: Path) -> None:
    """Raise a `Refusal` if the destination exists."""
    try:
        exists = destination.exists() or destination.is_symlink()
    except OSError as error:
        raise SourceFailed(f"{destination} cannot be created: {os_reason(error)}.") from error
    if exists:
        raise Refusal(f"{destination} already exists. Nothing was written. Choose a folder that does not exist.")


def check_all_written(rejected: dict[str, str], total: int, destination: Path) -> None:
    """Raise `SourceFailed`, which lists the rejected names, unless all of the `total` files were written."""
    if rejected:
        listed = "".join(f"\n  {path[:200]!r}: {reason}" for path, reason in list(rejected.items())[:10])
        rest = f"\n  and {len(rejected) - 10:,} more" if len(rejected) > 10 else ""
        raise SourceFailed(
            f"{destination} contains {total - len(rejected):,} of {counted(total, 'file')}."
            f" Its file system rejected these names:{listed}{rest}"
        )


@contextmanager
def _staging(destination: Path, directory: Path) -> Iterator[Path]:
    """Yield a folder that is renamed to the destination when the context ends. Remove it if anything fails."""
    try:
        staging = StagingFolder(directory, destination)
    except OSError as error:
        raise SourceFailed(f"{destination} cannot be created: {os_reason(error)}.") from error
    try:
        yield staging.path
        staging.path.rename(destination)
    except OSError as error:
        raise SourceFailed(f"{destination} cannot be written: {os_reason(error)}.") from error
    finally:
        staging.discard()


def _write_all(
    manifest: Manifest,
    read_object: Callable[[str], Iterable[bytes]],
    folder: Path,
    progress: Callable[[int], object],
    local_object: Callable[[str], Path | None],
) -> dict[str, str]:
    rejected: dict[str, str] = {}
    folders = _Folders(folder)
    for path in manifest.folders:
        with _collecting_rejected(path, rejected):
            folders.make(path)
    by_position = sorted(manifest.files, key=lambda file: (file.object, file.offset))
    for name, files in groupby(by_position, key=lambda file: file.object):
        stream, stored = None, local_object(name)
        for file in files:
            descriptor = None
            with _collecting_rejected(file.path, rejected):
                folders.make(file.path.rpartition("/")[0])
                descriptor = _create(folders.location(file.path), executable=file.executable)
            if descriptor is None:
                continue
            try:
                if _cloned(file, stored, descriptor):
                    _verify(file, _chunks(descriptor), progress)
                else:
                    stream = stream or _ForwardReader(iter(read_object(name)))
                    _verify(file, _written(stream.read(file.offset, file.size), descriptor), progress)
                _restore_time(file, descriptor)
            finally:
                os.close(descriptor)
    return rejected


@contextmanager
def _collecting_rejected(path: str, rejected: dict[str, str]) -> Iterator[None]:
    """Add the path to `rejected`, with the reason, if the file system rejects its name."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NAME_REJECTED:
            raise
        rejected[path] = os_reason(error)


class _Folders:
    """Makes the folders of a version below `root`, each once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._text = str(root)
        self._made = {""}

    def location(self, path: str) -> str:
        return f"{self._text}/{path}"  # a `Path` would take longer than the file

    def make(self, path: str) -> None:
        """Make the folder and its parents. Iterates, because a path can be deeper than Python's recursion limit."""
        missing: list[str] = []
        while path not in self._made:
            missing.append(path)
            path = path.rpartition("/")[0]
        for folder in reversed(missing):
            target = self._root / folder
            if not target.is_dir():  # it is there if the file system equates two names
                target.mkdir()
            self._made.add(folder)


def _create(target: str, *, executable: bool) -> int:
    """Create the file and return its descriptor, open for reading and writing."""
    return os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o777 if executable else 0o666)


def _cloned(file: FileEntry, stored: Path | None, descriptor: int) -> bool:
    """Return whether the new file became a copy-on-write copy of the stored object, which must have its size."""
    is_whole = stored is not None and not file.offset and stored.is_file() and stored.stat().st_size == file.size
    return stored is not None and is_whole and clone(stored, descriptor)


def _chunks(descriptor: int) -> Iterator[bytes]:
    while chunk := os.read(descriptor, _CHUNK_SIZE):
        yield chunk


def _written(chunks: Iterator[memoryview], descriptor: int) -> Iterator[memoryview]:
    """Write the chunks and yield them."""
    for chunk in chunks:
        left = chunk
        while left:
            left = left[os.write(descriptor, left) :]
        yield chunk


def _verify(file: FileEntry, chunks: Iterator[bytes] | Iterator[memoryview], progress: Callable[[int], object]) -> None:
    """Raise `Damaged` if the chunks do not have the file's SHA-256. A file in a referenced bucket has none."""
    digest = sha256()
    for chunk in chunks:
        digest.update(chunk)
        progress(len(chunk))
    if not file.sha256.startswith(ETAG) and digest.hexdigest() != file.sha256:
        raise Damaged(f"{file.path} does not match its SHA-256. Nothing was written. Try again.")


def _restore_time(file: FileEntry, descriptor: int) -> None:
    if file.modified is not None:
        with suppress(OSError, OverflowError):  # some file systems cannot store every timestamp
            os.utime(descriptor, ns=(file.modified, file.modified))


class _ForwardReader:
    """Reads ranges of an object that arrives as a stream. The ranges must be in ascending order."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = memoryview(b"")
        self._position = 0

    def read(self, offset: int, size: int) -> Iterator[memoryview]:
        """Yield `size` bytes from `offset`, which must not be before the current position. Raises `Damaged`."""
        for _ in self._read_next(offset - self._position):
            pass
        yield from self._read_next(size)

    def _read_next(self, size: int) -> Iterator[memoryview]:
        while size > 0:
            if not self._buffer:
                self._buffer = memoryview(next(self._chunks, b""))
                if not self._buffer:
                    raise Damaged("The data arrived incomplete. Nothing was written. Try again.")
            piece, self._buffer = self._buffer[:size], self._buffer[size:]
            size -= len(piece)
            self._position += len(piece)
            yield piece
