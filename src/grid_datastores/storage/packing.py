"""Packing: small files in order into plain tar files, large ones as objects of their own.

Deleting 100,000 small files is then unlinking a few objects, and any tar tool reads a pack without us.
The same packing serves an upload over HTTP (the client packs) and one on this machine (straight to storage).
"""

from __future__ import annotations

import tarfile
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, Protocol

from grid_datastores.domain.model import FileEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

LARGE_FILE = 1024 * 1024  # bytes: from this size on a file is an object of its own
PACK_SIZE = 64 * 1024 * 1024  # bytes: a pack that reaches it is closed
CHUNK = 1024 * 1024  # bytes read at a time
_BLOCK = tarfile.BLOCKSIZE


class Writer(Protocol):
    """Where the bytes of one object go."""

    def write(self, data: bytes, /) -> object:
        """Take these bytes."""


class ObjectSink(Protocol):
    """Where objects are made, one after the other."""

    def object(self, name: str, size: int | None) -> AbstractContextManager[Writer]:
        """A new object of this name, and size in bytes where it is known before; it is there, whole, when the context
        ends without an exception."""


class FileToPack(Protocol):
    """One file on its way into a version."""

    @property
    def path(self) -> str:
        """Its path inside the version."""

    @property
    def size(self) -> int:
        """Its size in bytes, as announced; `chunks` gives exactly so many or raises."""

    @property
    def executable(self) -> bool:
        """Whether it can be run as a program."""

    @property
    def modified(self) -> int | None:
        """When it was last modified, in nanoseconds since the epoch; None where the source does not say."""

    def chunks(self) -> Iterator[bytes]:
        """Its content."""


class WithoutAttributes:
    """A file whose source names no more than its path and content: a browser, a bucket, a stock client."""

    __slots__ = ()

    @property
    def executable(self) -> bool:
        """Nobody says that it is."""
        return False

    @property
    def modified(self) -> int | None:
        """Unknown."""
        return None


def pack(
    files: Iterable[FileToPack],
    sink: ObjectSink,
    progress: Callable[[int], object],
    there: Mapping[str, Sequence[FileEntry]] | None = None,
) -> Iterator[tuple[str, Sequence[FileEntry]]]:
    """Write all files into the sink, in order; tells each object when it is there, and where each file lies in it.

    Which file goes where depends on the order and sizes alone, so that an interrupted upload finds its objects again:
    those that are `there` are not written again. `progress` hears of bytes written or there.
    """
    for name, group, size in _objects(files):
        if there is not None and name in there:
            progress(sum(entry.size for entry in there[name]))
            yield name, there[name]
            continue
        with sink.object(name, size) as target:
            entries = _write_single(group[0], name, target, progress) if size else _write(group, name, target, progress)
        yield name, entries


def _objects(files: Iterable[FileToPack]) -> Iterator[tuple[str, list[FileToPack], int | None]]:
    """The objects: name, files, and size in bytes where it is known (a file of its own), None for a pack."""
    packs = (f"pack-{number:05}.tar" for number in count(1))
    singles = (f"file-{number:05}" for number in count(1))
    small: list[FileToPack] = []
    waiting = 0
    for file in files:
        if file.size >= LARGE_FILE:
            yield next(singles), [file], file.size
            continue
        small.append(file)
        waiting += file.size + 2 * _BLOCK
        if waiting >= PACK_SIZE:
            yield next(packs), small, None
            small, waiting = [], 0
    if small:
        yield next(packs), small, None


def _write_single(file: FileToPack, name: str, target: Writer, progress: Callable[[int], object]) -> list[FileEntry]:
    return [_copy(file, name, 0, target, progress)]


def _write(files: list[FileToPack], name: str, target: Writer, progress: Callable[[int], object]) -> list[FileEntry]:
    entries: list[FileEntry] = []
    offset = 0
    for file in files:
        header = tar_header(file)
        target.write(header)
        offset += len(header)
        entries.append(_copy(file, name, offset, target, progress))
        padding = -file.size % _BLOCK
        target.write(bytes(padding))
        offset += file.size + padding
    target.write(bytes(-(offset + 2 * _BLOCK) % tarfile.RECORDSIZE + 2 * _BLOCK))
    return entries


def _copy(file: FileToPack, name: str, offset: int, target: Writer, progress: Callable[[int], object]) -> FileEntry:
    digest = sha256()
    for chunk in file.chunks():
        digest.update(chunk)
        target.write(chunk)
        progress(len(chunk))
    return FileEntry(file.path, file.size, digest.hexdigest(), name, offset, file.executable, file.modified)


def tar_header(file: FileToPack | FileEntry) -> bytes:
    """The header that precedes the file's content in a tar; its time is in whole seconds, from 1970 on."""
    info = tarfile.TarInfo(file.path)
    info.size = file.size
    info.mode = 0o755 if file.executable else 0o644
    info.mtime = max(0, (file.modified or 0) // 10**9)
    return info.tobuf(tarfile.PAX_FORMAT)


def tar_folder(path: str) -> bytes:
    """The header of an empty folder in a tar."""
    info = tarfile.TarInfo(path)
    info.type = tarfile.DIRTYPE
    info.mode = 0o755
    return info.tobuf(tarfile.PAX_FORMAT)
