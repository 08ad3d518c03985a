"""Reads a .tar.gz: unpacks it once to a plain tar on disk, then reads each file at its position there."""

from __future__ import annotations

import gzip
import os
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, BinaryIO, cast

from grid_datastores.domain.errors import SourceFailed
from grid_datastores.sources.entries import (
    ArchiveContents,
    ArchiveNames,
    normalized_path,
    quoted,
    reading_archive,
    storable_time,
)
from grid_datastores.storage.packing import CHUNK
from grid_datastores.storage.space import NO_SPACE_TO_FETCH, raising_no_space
from grid_datastores.system.files import temporary_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from grid_datastores.sources.limits import FetchLimits

_MAX_HEADER_BYTES = 256 * 1024  # of all headers of one file together; tarfile reads them into memory
_MAX_GLOBAL_HEADERS = 100
_EXECUTE = 0o111
_MAX_SECONDS = 2**40  # since the epoch: beyond the range of file systems, and small enough to multiply


@dataclass(frozen=True, slots=True)
class TarredFile:
    """One file of an unpacked tar: size in bytes, `modified` in nanoseconds since the epoch.

    `stored` lists its pieces, each with its offset in the file and its length: one, or several with holes between them
    that read as zeros. The pieces lie one after the other in the tar, from `position` on.
    """

    path: str
    size: int
    executable: bool
    modified: int | None
    descriptor: int
    position: int
    stored: tuple[tuple[int, int], ...]

    def chunks(self) -> Iterator[bytes]:
        """Yield the content. Raises `SourceFailed` if the tar is truncated."""
        at, position = 0, self.position
        for offset, length in self.stored:
            yield from _zeros(offset - at)
            at = offset + length
            while length:
                chunk = os.pread(self.descriptor, min(CHUNK, length), position)
                if not chunk:
                    raise SourceFailed(f"The archive is truncated: {quoted(self.path)} is incomplete.")
                position += len(chunk)
                length -= len(chunk)
                yield chunk
        yield from _zeros(self.size - at)


@contextmanager
def open_tar_gz(file: BinaryIO, size: int, scratch: Path, limits: FetchLimits) -> Iterator[ArchiveContents]:
    """Yield the contents of a .tar.gz of `size` bytes. Its files are readable until the context ends.

    The plain tar needs space on the disk of `scratch`. Raises `SourceFailed` and `NoSpace`.
    """
    with temporary_file(scratch) as plain:
        _gunzip(file, size, plain, limits)
        names = ArchiveNames(limits)
        files = list(_files(plain, names, limits))
        limits.check_unpacked(sum(found.size for found in files), size)
        yield ArchiveContents(files, names.empty_folders())


def _gunzip(file: BinaryIO, size: int, plain: BinaryIO, limits: FetchLimits) -> None:
    unpacked = 0
    file.seek(0)
    with gzip.GzipFile(fileobj=file) as source:
        while chunk := _next_chunk(source):
            limits.progress(len(chunk))
            unpacked += len(chunk)
            limits.check_unpacked(unpacked, size)
            with raising_no_space(NO_SPACE_TO_FETCH):
                plain.write(chunk)
    with raising_no_space(NO_SPACE_TO_FETCH):
        plain.flush()


def _next_chunk(source: gzip.GzipFile) -> bytes:
    with reading_archive(
        lambda: SourceFailed("The .tar.gz is truncated or damaged and cannot be unpacked."),
    ):
        return source.read(CHUNK)


def _files(plain: BinaryIO, names: ArchiveNames, limits: FetchLimits) -> Iterator[TarredFile]:
    bounded, last, pieces = _BoundedHeaders(plain), -1, 0
    earlier: dict[str, TarredFile] = {}
    with reading_archive(_damaged):
        archive = tarfile.open(fileobj=cast("BinaryIO", bounded), mode="r:", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
    while True:
        end = archive.offset
        bounded.bytes_left = _MAX_HEADER_BYTES
        with reading_archive(_damaged):
            member = archive.next()
        if member is None:
            break
        # A negative size would send tarfile back and make it loop for ever.
        if member.offset <= last or len(archive.pax_headers) > _MAX_GLOBAL_HEADERS:
            raise _damaged()
        last = member.offset
        archive.members.clear()  # type: ignore[attr-defined]  # tarfile would collect them all
        if member.isdir() or (member.isreg() and member.name.endswith("/") and not member.size):
            names.add_folder(member.name)
        else:
            file = _file(member, names, plain, earlier)
            pieces += len(file.stored)
            limits.check_count(pieces)
            earlier[file.path] = file
            yield file
    _check_trailing_zeros(plain, end)


def _file(
    member: tarfile.TarInfo, names: ArchiveNames, plain: BinaryIO, earlier: Mapping[str, TarredFile]
) -> TarredFile:
    if member.islnk():
        return _hard_link(member, names, earlier)
    if member.issym():
        raise SourceFailed(
            f"The archive contains a symbolic link, {quoted(member.name)}. A version can contain only files."
        )
    if not member.isreg():
        raise SourceFailed(f"The archive contains {quoted(member.name)}, which is neither a file nor a folder.")
    pieces = [(0, member.size)] if member.sparse is None else cast("list[tuple[int, int]]", member.sparse)
    stored = tuple(piece for piece in pieces if piece[1])
    at = 0
    for offset, length in stored:
        if offset < at or length < 0:
            raise _damaged()
        at = offset + length
    if at > member.size:
        raise _damaged()
    path, executable = names.add_file(member.name), bool(member.mode & _EXECUTE)
    return TarredFile(path, member.size, executable, _modified(member), plain.fileno(), member.offset_data, stored)


def _modified(member: tarfile.TarInfo) -> int | None:
    """Return the file's time, exact to the nanosecond if the tar has it as text (tarfile reads that as a float)."""
    try:
        seconds = Decimal(member.pax_headers.get("mtime", member.mtime))
        usable = 0 <= seconds < _MAX_SECONDS
    except InvalidOperation:  # not a number
        return None
    return storable_time(int(seconds * 10**9)) if usable else None


def _hard_link(member: tarfile.TarInfo, names: ArchiveNames, earlier: Mapping[str, TarredFile]) -> TarredFile:
    """Return a hard link as a file with the content of an earlier one.

    tar stores the content once, with the first name.
    """
    target = earlier.get(normalized_path(member.linkname))
    if target is None:
        raise SourceFailed(
            f"The archive contains a hard link, {quoted(member.name)}, to {quoted(member.linkname)},"
            " which is not an earlier file of the archive."
        )
    return replace(target, path=names.add_file(member.name))


def _check_trailing_zeros(plain: BinaryIO, end: int) -> None:
    """Raise `SourceFailed` unless only zeros follow the last file.

    tarfile takes any damaged header for the end of the archive, and the files behind it would be lost.
    """
    plain.seek(end)
    while chunk := plain.read(CHUNK):
        if chunk.count(0) != len(chunk):
            raise _damaged()


class _BoundedHeaders:
    """The tar as tarfile reads it, which is headers only: at most `bytes_left` more bytes for the current file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell
        self.bytes_left = _MAX_HEADER_BYTES
        file.seek(0)

    def read(self, size: int = -1) -> bytes:
        """Read like a file. Raises `SourceFailed` if the headers are too large."""
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise _damaged()
        return self._file.read(size)


def _damaged() -> SourceFailed:
    return SourceFailed("The .tar.gz does not contain a valid tar archive: it is damaged or of another type.")


def _zeros(size: int) -> Iterator[bytes]:
    while size > 0:
        yield bytes(min(CHUNK, size))
        size -= CHUNK
