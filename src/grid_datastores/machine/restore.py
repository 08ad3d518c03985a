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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from grid_datastores.domain.model import FileEntry
    from grid_datastores.storage.manifest import Manifest

# The file system rejects one name: it is too long, cannot be encoded, or differs from another name only by case.
_NAME_REJECTED = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.EEXIST, errno.EISDIR, errno.ENOTDIR}


def restore(
    manifest: Manifest,
    read_object: Callable[[str], Iterable[bytes]],
    destination: Path,
    progress: Callable[[int], object],
    link_target: Callable[[FileEntry], Path | None] = lambda _file: None,
    *,
    directory: Path,
) -> dict[str, str]:
    """Write all files below `destination`, which must not exist yet.

    Return the paths whose names the file system rejected, each with the reason. All other files are written.
    `read_object` streams an object by its name. If `link_target` returns a path, the file becomes a link to it.
    `directory` is the settings directory, where the staging folder is noted in case this process is killed.
    """
    check_new(destination)
    with _staging(destination, directory) as folder:
        return _write_all(manifest, read_object, folder, progress, link_target)


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
    link_target: Callable[[FileEntry], Path | None],
) -> dict[str, str]:
    rejected: dict[str, str] = {}
    for path in manifest.folders:
        with _collecting_rejected(path, rejected):
            _make_folder(folder / path)
    by_position = sorted(manifest.files, key=lambda file: (file.object, file.offset))
    for name, files in groupby(by_position, key=lambda file: file.object):
        stream: _ForwardReader | None = None
        for file in files:
            target, linked, descriptor = folder / file.path, link_target(file), None
            with _collecting_rejected(file.path, rejected):
                _make_folder(target.parent)
                if linked:
                    target.symlink_to(linked)
                else:
                    descriptor = _create(target, executable=file.executable)
            if descriptor is not None:
                stream = stream or _ForwardReader(iter(read_object(name)))
                _write(file, stream, descriptor, progress)
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


def _make_folder(folder: Path) -> None:
    """Create the folder and its parents. Iterates, because a path can be deeper than Python's recursion limit."""
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir()


def _create(target: Path, *, executable: bool) -> int:
    """Create the file and return its descriptor, open for writing."""
    return os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o777 if executable else 0o666)


def _write(file: FileEntry, stream: _ForwardReader, descriptor: int, progress: Callable[[int], object]) -> None:
    digest = sha256()
    with os.fdopen(descriptor, "wb") as out:
        for chunk in stream.read(file.offset, file.size):
            digest.update(chunk)
            out.write(chunk)
            progress(len(chunk))
        if file.modified is not None:
            out.flush()
            with suppress(OSError, OverflowError):  # some file systems cannot store every time
                os.utime(descriptor, ns=(file.modified, file.modified))
    if not file.sha256.startswith(ETAG) and digest.hexdigest() != file.sha256:
        raise Damaged(f"{file.path} does not match its SHA-256. Nothing was written. Try again.")


class _ForwardReader:
    """Reads ranges of an object that arrives as a stream. The ranges must be in ascending order."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = b""
        self._position = 0

    def read(self, offset: int, size: int) -> Iterator[bytes]:
        """Yield `size` bytes from `offset`, which must not be before the current position. Raises `Damaged`."""
        for _ in self._read_next(offset - self._position):
            pass
        yield from self._read_next(size)

    def _read_next(self, size: int) -> Iterator[bytes]:
        while size > 0:
            if not self._buffer:
                self._buffer = next(self._chunks, b"")
                if not self._buffer:
                    raise Damaged("The data arrived incomplete. Nothing was written. Try again.")
            piece, self._buffer = self._buffer[:size], self._buffer[size:]
            size -= len(piece)
            self._position += len(piece)
            yield piece
