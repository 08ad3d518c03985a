"""Packing: small files in order into plain tar files, large ones as objects of their own.

Deleting 100,000 small files is then unlinking a few objects, and any tar tool reads a pack without us.
The same packing serves an upload over HTTP (the client packs) and one on this machine (straight to storage).
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from grid_datastores.model import FileEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
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

    def chunks(self) -> Iterator[bytes]:
        """Its content."""


@dataclass(slots=True)
class _Names:
    packs: int = 0
    singles: int = 0

    def pack(self) -> str:
        self.packs += 1
        return f"pack-{self.packs:05}.tar"

    def single(self) -> str:
        self.singles += 1
        return f"file-{self.singles:05}"


def pack(files: Iterable[FileToPack], sink: ObjectSink, progress: Callable[[int], object]) -> list[FileEntry]:
    """Write all files into the sink, in order; says where each lies. `progress` hears of bytes written."""
    names = _Names()
    entries: list[FileEntry] = []
    small: list[FileToPack] = []
    waiting = 0
    for file in files:
        if file.size >= LARGE_FILE:
            entries.append(_single(file, names.single(), sink, progress))
            continue
        small.append(file)
        waiting += file.size + 2 * _BLOCK
        if waiting >= PACK_SIZE:
            entries += _pack(small, names.pack(), sink, progress)
            small, waiting = [], 0
    if small:
        entries += _pack(small, names.pack(), sink, progress)
    return entries


def _single(file: FileToPack, name: str, sink: ObjectSink, progress: Callable[[int], object]) -> FileEntry:
    with sink.object(name, file.size) as target:
        return _copy(file, name, 0, target, progress)


def _pack(
    files: list[FileToPack], name: str, sink: ObjectSink, progress: Callable[[int], object]
) -> Iterator[FileEntry]:
    with sink.object(name, None) as target:
        offset = 0
        for file in files:
            header = _header(file)
            target.write(header)
            offset += len(header)
            yield _copy(file, name, offset, target, progress)
            padding = -file.size % _BLOCK
            target.write(bytes(padding))
            offset += file.size + padding
        target.write(bytes(-(offset + 2 * _BLOCK) % tarfile.RECORDSIZE + 2 * _BLOCK))


def _copy(file: FileToPack, name: str, offset: int, target: Writer, progress: Callable[[int], object]) -> FileEntry:
    digest = sha256()
    for chunk in file.chunks():
        digest.update(chunk)
        target.write(chunk)
        progress(len(chunk))
    return FileEntry(file.path, file.size, digest.hexdigest(), name, offset)


def _header(file: FileToPack) -> bytes:
    info = tarfile.TarInfo(file.path)
    info.size = file.size
    return info.tobuf(tarfile.PAX_FORMAT)
