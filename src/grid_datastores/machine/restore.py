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
from grid_datastores.machine.threads import in_threads
from grid_datastores.system.files import clone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from grid_datastores.domain.model import FileEntry
    from grid_datastores.storage.manifest import Manifest

_CHUNK_SIZE = 1024 * 1024  # bytes
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC

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
    verified: bool = False,
) -> dict[str, str]:
    """Write all files below `destination`, which must not exist yet.

    Return the paths whose names the file system rejected, each with the reason. All other files are written.
    `read_object` streams an object by its name. `local_object` returns its path if this machine stores it. A file that
    is such an object becomes a copy-on-write copy if the file system supports that. It needs no space until it changes.
    `directory` is the settings directory, where the staging folder is noted in case this process is killed. With
    `verified`, `read_object` compares each file with the manifest, and this does not compare it again.
    """
    check_new(destination)
    with _staging(destination, directory) as folder:
        return _write_all(manifest, read_object, folder, progress, local_object, verified=verified)


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
    *,
    verified: bool,
) -> dict[str, str]:
    target = _Target(folder, verified=verified)
    for path in manifest.folders:
        target.make_folder(path, path)
    by_position = sorted(manifest.files, key=lambda file: (file.object, file.offset))
    with in_threads(target.write) as write_later:
        for name, files in groupby(by_position, key=lambda file: file.object):
            stream, stored = _ForwardReader(_opened(read_object, name)), local_object(name)
            for file in files:
                whole = stored if stored is not None and _is_whole(file, stored) else None
                piece = None if whole else stream.next_piece(file.offset, file.size)
                if not target.make_parent(file):
                    continue
                if piece is None:
                    target.write_large(file, stream.read(file.offset, file.size), whole, progress)
                else:
                    progress(file.size)
                    write_later((file, piece), file.size)
    return target.rejected


def _opened(read_object: Callable[[str], Iterable[bytes]], name: str) -> Iterator[bytes]:
    """Yield the chunks of an object, which is opened for the first one."""
    yield from read_object(name)


def _is_whole(file: FileEntry, stored: Path) -> bool:
    """Return whether the file is the whole stored object."""
    return not file.offset and stored.is_file() and stored.stat().st_size == file.size


class _Target:
    """Creates the folders of a version below `root`, each once, and its files.

    `rejected` has the paths whose names the file system rejects, each with the reason. `write` can be called from any
    thread.
    """

    def __init__(self, root: Path, *, verified: bool) -> None:
        self.rejected: dict[str, str] = {}
        self._root = root
        self._text = str(root)
        self._made = {""}
        self._verified = verified

    def make_folder(self, folder: str, path: str) -> bool:
        """Make the folder and its parents. If the file system rejects a name, reject `path` and return False.

        Iterates, because a path can be deeper than Python's recursion limit.
        """
        missing: list[str] = []
        while folder not in self._made:
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        try:
            for each in reversed(missing):
                place = self._root / each
                if not place.is_dir():  # it is there if the file system equates two names
                    place.mkdir()
                self._made.add(each)
        except OSError as error:
            self._reject(path, error)
            return False
        return True

    def make_parent(self, file: FileEntry) -> bool:
        """Make the file's folder. If the file system rejects a name, reject the file and return False."""
        folder = file.path[: max(0, file.path.rfind("/"))]
        return folder in self._made or self.make_folder(folder, file.path)

    def write_large(
        self, file: FileEntry, chunks: Iterable[memoryview], stored: Path | None, progress: Callable[[int], object]
    ) -> None:
        """Create a file as a copy-on-write copy of the stored object, or with these chunks. Raises `Damaged`."""
        descriptor = self._create(file)
        if descriptor is None:
            return
        try:
            if stored is not None and clone(stored, descriptor):
                _compare(file, _counting(_chunks(descriptor), progress))
            else:
                _write(file, _counting(chunks, progress), descriptor, verified=self._verified)
            _restore_time(file, descriptor)
        finally:
            os.close(descriptor)

    def write(self, content: tuple[FileEntry, memoryview]) -> None:
        """Create a file with this content. Raises `Damaged` if it is not the file's."""
        file, piece = content
        descriptor = self._create(file)
        if descriptor is None:
            return
        try:
            _write(file, (piece,), descriptor, verified=self._verified)
            _restore_time(file, descriptor)
        finally:
            os.close(descriptor)

    def _create(self, file: FileEntry) -> int | None:
        """Create the file and return its descriptor, or None if the file system rejects its name."""
        try:
            # A `Path` would take longer than the file.
            return os.open(f"{self._text}/{file.path}", _NEW, 0o777 if file.executable else 0o666)
        except OSError as error:
            self._reject(file.path, error)
        return None

    def _reject(self, path: str, error: OSError) -> None:
        """Add the path to `rejected` if the file system rejects its name. Raises any other error."""
        if error.errno not in _NAME_REJECTED:
            raise error
        self.rejected[path] = os_reason(error)


def _write(file: FileEntry, chunks: Iterable[memoryview], descriptor: int, *, verified: bool) -> None:
    """Write the file's chunks. Raises `Damaged` if they have to be verified and are not the file's."""
    if not verified:
        _compare(file, _written(chunks, descriptor))
        return
    for _ in _written(chunks, descriptor):
        pass


def _written(chunks: Iterable[memoryview], descriptor: int) -> Iterator[memoryview]:
    """Write the chunks and yield them."""
    for chunk in chunks:
        written = os.write(descriptor, chunk)
        while written < len(chunk):
            written += os.write(descriptor, chunk[written:])
        yield chunk


def _counting(chunks: Iterable[memoryview], progress: Callable[[int], object]) -> Iterator[memoryview]:
    for chunk in chunks:
        yield chunk
        progress(len(chunk))


def _chunks(descriptor: int) -> Iterator[memoryview]:
    while chunk := os.read(descriptor, _CHUNK_SIZE):
        yield memoryview(chunk)


def _compare(file: FileEntry, chunks: Iterable[memoryview]) -> None:
    """Raise `Damaged` if the chunks do not have the file's SHA-256. A file in a referenced bucket has none."""
    digest = sha256()
    for chunk in chunks:
        digest.update(chunk)
    if digest.hexdigest() != file.sha256 and not file.sha256.startswith(ETAG):
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

    def next_piece(self, offset: int, size: int) -> memoryview | None:
        """Return `size` bytes from `offset` if they have arrived in one piece, after the current position."""
        start = offset - self._position
        if start < 0 or start + size > len(self._buffer):
            return None
        self._position = offset + size
        piece, self._buffer = self._buffer[start : start + size], self._buffer[start + size :]
        return piece

    def read(self, offset: int, size: int) -> Iterator[memoryview]:
        """Yield `size` bytes from `offset`. Raises `Damaged` if they are before the current position or missing."""
        if offset < self._position and size:
            raise Damaged("The list of files gives one position to two files. Nothing was written.")
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
