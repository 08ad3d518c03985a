"""Writing a version's files into a new folder, checked against its manifest; the folder appears whole or not at all."""

from __future__ import annotations

from hashlib import sha256
from itertools import groupby
from typing import TYPE_CHECKING

from grid_datastores.aside import FolderAside
from grid_datastores.errors import Damaged, Refusal, SourceFailed
from grid_datastores.model import ETAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from grid_datastores.model import FileEntry
    from grid_datastores.storage.manifest import Manifest


def restore(
    manifest: Manifest,
    read_object: Callable[[str], Iterable[bytes]],
    destination: Path,
    progress: Callable[[int], object],
    lies_at: Callable[[FileEntry], Path | None] = lambda _file: None,
    *,
    directory: Path,
) -> None:
    """Write all files below `destination`, which must not be there yet. `read_object` streams an object by name.

    A file that `lies_at` knows on this machine is linked, not written. What a killed process wrote is noted below
    `directory`, that of the settings.
    """
    check_new(destination)
    try:
        aside = FolderAside(directory, destination)
    except OSError as error:
        raise SourceFailed(f"{destination} cannot be made: {(error.strerror or str(error)).lower()}.") from error
    try:
        _write_all(manifest, read_object, aside.path, progress, lies_at)
        aside.path.chmod(0o755)
        aside.path.rename(destination)
    except OSError as error:
        raise SourceFailed(f"{destination} cannot be written: {(error.strerror or str(error)).lower()}.") from error
    finally:
        aside.discard()


def check_new(destination: Path) -> None:
    """Nothing is there yet, as far as can be seen."""
    try:
        there = destination.exists() or destination.is_symlink()
    except OSError as error:
        raise SourceFailed(f"{destination} cannot be made: {(error.strerror or str(error)).lower()}.") from error
    if there:
        raise Refusal(f"{destination} is there already; name a folder that is not.")


def _write_all(
    manifest: Manifest,
    read_object: Callable[[str], Iterable[bytes]],
    folder: Path,
    progress: Callable[[int], object],
    lies_at: Callable[[FileEntry], Path | None],
) -> None:
    by_place = sorted(manifest.files, key=lambda file: (file.object, file.offset))
    for name, files in groupby(by_place, key=lambda file: file.object):
        stream: _Stream | None = None
        for file in files:
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            if place := lies_at(file):
                target.symlink_to(place)
                continue
            stream = stream or _Stream(iter(read_object(name)))
            _write(file, stream, target, progress)


def _write(file: FileEntry, stream: _Stream, target: Path, progress: Callable[[int], object]) -> None:
    digest = sha256()
    with target.open("xb") as out:
        for chunk in stream.take(file.offset, file.size):
            digest.update(chunk)
            out.write(chunk)
            progress(len(chunk))
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
