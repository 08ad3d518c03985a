"""Writing a version's files into a new folder, checked against its manifest: whole, or not at all.

A file keeps its time and whether it is executable, and an empty folder is made (rule version-complete). All else of a
file's mode is what this process gives to new files.
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

# What a destination says of one name: too long, not encodable, or, where case does not count, taken by another file.
_NAME_REFUSED = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.EEXIST, errno.EISDIR, errno.ENOTDIR}


def restore(
    manifest: Manifest,
    read_object: Callable[[str], Iterable[bytes]],
    destination: Path,
    progress: Callable[[int], object],
    lies_at: Callable[[FileEntry], Path | None] = lambda _file: None,
    *,
    directory: Path,
) -> dict[str, str]:
    """Write all files below `destination`, which must not be there yet. `read_object` streams an object by name.

    A file that `lies_at` knows on this machine is linked, not written. Answers the paths whose names the destination
    does not take, each with the reason: the other files are there. What is written by a process that is killed is noted
    below `directory`, that of the settings.
    """
    check_new(destination)
    with _staging(destination, directory) as folder:
        return _write_all(manifest, read_object, folder, progress, lies_at)


def check_new(destination: Path) -> None:
    """Nothing is there yet, as far as can be seen."""
    try:
        there = destination.exists() or destination.is_symlink()
    except OSError as error:
        raise SourceFailed(f"{destination} cannot be made: {os_reason(error)}.") from error
    if there:
        raise Refusal(f"{destination} is there already; name a folder that is not.")


def check_all_written(refused: dict[str, str], total: int, destination: Path) -> None:
    """Every file was restored; raises `SourceFailed`, which names those that the destination does not take."""
    if refused:
        named = "".join(f"\n  {path[:200]!r}: {why}" for path, why in list(refused.items())[:10])
        rest = f"\n  and {len(refused) - 10:,} more" if len(refused) > 10 else ""
        raise SourceFailed(
            f"{destination} holds {total - len(refused):,} of {counted(total, 'file')}:"
            f" it does not take these names.{named}{rest}"
        )


@contextmanager
def _staging(destination: Path, directory: Path) -> Iterator[Path]:
    """A folder that becomes the destination when the context ends; nothing of it is left where that fails."""
    try:
        staging = StagingFolder(directory, destination)
    except OSError as error:
        raise SourceFailed(f"{destination} cannot be made: {os_reason(error)}.") from error
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
    lies_at: Callable[[FileEntry], Path | None],
) -> dict[str, str]:
    refused: dict[str, str] = {}
    for path in manifest.folders:
        with _naming(path, refused):
            _make_folder(folder / path)
    by_place = sorted(manifest.files, key=lambda file: (file.object, file.offset))
    for name, files in groupby(by_place, key=lambda file: file.object):
        stream: _Stream | None = None
        for file in files:
            target, place, descriptor = folder / file.path, lies_at(file), None
            with _naming(file.path, refused):
                _make_folder(target.parent)
                if place:
                    target.symlink_to(place)
                else:
                    descriptor = _create(target, executable=file.executable)
            if descriptor is not None:
                stream = stream or _Stream(iter(read_object(name)))
                _write(file, stream, descriptor, progress)
    return refused


@contextmanager
def _naming(path: str, refused: dict[str, str]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NAME_REFUSED:
            raise
        refused[path] = os_reason(error)


def _make_folder(folder: Path) -> None:
    """The folder and those above it; one by one, as they nest deeper than Python calls."""
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir()


def _create(target: Path, *, executable: bool) -> int:
    """A new file, open for writing, with the permissions that this process gives to new files."""
    return os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o777 if executable else 0o666)


def _write(file: FileEntry, stream: _Stream, descriptor: int, progress: Callable[[int], object]) -> None:
    digest = sha256()
    with os.fdopen(descriptor, "wb") as out:
        for chunk in stream.take(file.offset, file.size):
            digest.update(chunk)
            out.write(chunk)
            progress(len(chunk))
        if file.modified is not None:
            out.flush()
            with suppress(OSError, OverflowError):  # not every disk has room for every time
                os.utime(descriptor, ns=(file.modified, file.modified))
    if not file.sha256.startswith(ETAG) and digest.hexdigest() != file.sha256:
        raise Damaged(f"{file.path} did not arrive as it was uploaded; nothing was kept. Try again.")


class _Stream:
    """An object's bytes in one pass, read by place."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""
        self._at = 0

    def take(self, offset: int, size: int) -> Iterator[bytes]:
        """`size` bytes from `offset`, which is not before what was taken already."""
        for _ in self._next(offset - self._at):
            pass
        yield from self._next(size)

    def _next(self, size: int) -> Iterator[bytes]:
        while size > 0:
            if not self._rest:
                self._rest = next(self._chunks, b"")
                if not self._rest:
                    raise Damaged("The data ended before its manifest does; nothing was kept. Try again.")
            piece, self._rest = self._rest[:size], self._rest[size:]
            size -= len(piece)
            self._at += len(piece)
            yield piece
