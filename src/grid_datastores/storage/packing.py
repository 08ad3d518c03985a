"""Pack small files into tar objects, in order. Each large file becomes an object of its own.

Packing makes it fast to delete many small files: only a few objects are erased. Any tar tool can read a pack. An HTTP
client packs before it uploads; an embedded upload packs directly into storage.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, Protocol

from grid_datastores.domain.model import FileEntry
from grid_datastores.storage.tar_headers import BLOCK, RECORD, tar_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

LARGE_FILE = 1024 * 1024  # bytes; a file of this size or more becomes an object of its own
PACK_SIZE = 64 * 1024 * 1024  # bytes; a pack of this size or more takes no further file
CHUNK = 1024 * 1024  # bytes read at a time
_WAITING_CHUNKS = 4  # of a large file, to be hashed
_ZEROS = bytes(BLOCK)


class Writer(Protocol):
    """Receives the bytes of one object."""

    def write(self, data: bytes, /) -> object:
        """Append these bytes."""


class ObjectSink(Protocol):
    """Receives objects, one after the other."""

    def object(self, name: str, size: int | None) -> AbstractContextManager[Writer]:
        """Open a new object for writing, with its size in bytes if that is known.

        The object exists when the context ends without an exception.
        """


class FileToPack(Protocol):
    """A file to be packed into a version."""

    @property
    def path(self) -> str:
        """The path in the version."""

    @property
    def size(self) -> int:
        """The size in bytes. `chunks` yields exactly as many or raises an exception."""

    @property
    def executable(self) -> bool:
        """Whether the file is executable."""

    @property
    def modified(self) -> int | None:
        """The modification time in nanoseconds since the epoch, or None if the source has none."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the contents."""


class WithoutAttributes:
    """A file from a source without attributes: a browser, a bucket or Grid's own client."""

    __slots__ = ()

    @property
    def executable(self) -> bool:
        """Return False, because the source does not say."""
        return False

    @property
    def modified(self) -> int | None:
        """Return None, because the source does not say."""
        return None


def pack(
    files: Iterable[FileToPack],
    sink: ObjectSink,
    progress: Callable[[int], object],
    stored: Mapping[str, Sequence[FileEntry]] | None = None,
) -> Iterator[tuple[str, Sequence[FileEntry]]]:
    """Write all files into the sink, in order. Yield each object's name and file entries once the object exists.

    Objects in `stored`, from an interrupted upload, are not written again. This works because the objects depend only
    on the order and sizes of the files. `progress` counts written and stored bytes.
    """
    for name, group, size in _objects(files):
        if stored is not None and name in stored:
            progress(sum(entry.size for entry in stored[name]))
            yield name, stored[name]
            continue
        with sink.object(name, size) as target:
            entries = (
                _write_single(group[0], name, target, progress) if size else _write_pack(group, name, target, progress)
            )
        yield name, entries


def _objects(files: Iterable[FileToPack]) -> Iterator[tuple[str, list[FileToPack], int | None]]:
    """Yield each object's name and files, with its size in bytes, or None for a pack."""
    packs = (f"pack-{number:05}.tar" for number in count(1))
    singles = (f"file-{number:05}" for number in count(1))
    small: list[FileToPack] = []
    pack_size = 0
    for file in files:
        if file.size >= LARGE_FILE:
            yield next(singles), [file], file.size
            continue
        small.append(file)
        pack_size += file.size + 2 * BLOCK
        if pack_size >= PACK_SIZE:
            yield next(packs), small, None
            small, pack_size = [], 0
    if small:
        yield next(packs), small, None


def _write_single(file: FileToPack, name: str, target: Writer, progress: Callable[[int], object]) -> list[FileEntry]:
    """Write an object that is one file. Its SHA-256 is computed in a thread meanwhile."""
    from queue import Queue
    from threading import Thread

    digest = sha256()
    chunks: Queue[bytes | None] = Queue(_WAITING_CHUNKS)

    def update() -> None:
        while (chunk := chunks.get()) is not None:
            digest.update(chunk)

    thread = Thread(target=update, name="sha256", daemon=True)
    thread.start()
    try:
        for chunk in file.chunks():
            chunks.put(chunk)
            target.write(chunk)
            progress(len(chunk))
    finally:
        chunks.put(None)
        thread.join()
    return [FileEntry(file.path, file.size, digest.hexdigest(), name, 0, file.executable, file.modified)]


def _write_pack(
    files: list[FileToPack], name: str, target: Writer, progress: Callable[[int], object]
) -> list[FileEntry]:
    """Write a tar file with these files. Many are passed on in one write."""
    entries: list[FileEntry] = []
    pieces: list[bytes] = []
    written = offset = 0
    for file in files:
        header = tar_header(file)
        pieces.append(header)
        offset += len(header)
        digest, size = sha256(), file.size
        for chunk in file.chunks():
            digest.update(chunk)
            pieces.append(chunk)
            progress(len(chunk))
        entries.append(FileEntry(file.path, size, digest.hexdigest(), name, offset, file.executable, file.modified))
        padding = -size % BLOCK
        pieces.append(_ZEROS[:padding])
        offset += size + padding
        if offset - written >= CHUNK:
            target.write(b"".join(pieces))
            pieces.clear()
            written = offset
    target.write(b"".join([*pieces, bytes(-(offset + 2 * BLOCK) % RECORD + 2 * BLOCK)]))
    return entries
