"""The files and empty folders of a tar.gz: unpacked once to a plain tar on disk, then read where they lie in it."""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, BinaryIO, cast

from grid_datastores.domain.errors import SourceFailed
from grid_datastores.sources.entries import Names, Unpacked, plain_path, shown, storable_time
from grid_datastores.storage.packing import CHUNK
from grid_datastores.storage.space import NO_SPACE_TO_FETCH, raising_no_space
from grid_datastores.system.files import temporary_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from grid_datastores.sources.limits import Limits

_LARGEST_HEADER = 256 * 1024  # bytes: of all headers of one file together; tarfile takes them into memory
_MOST_GLOBAL_HEADERS = 100
_EXECUTE = 0o111
_LATEST = 2**40  # seconds since the epoch: far beyond what a file system keeps, and no trouble to compute with
_DAMAGE = (tarfile.TarError, EOFError, ValueError, ArithmeticError, LookupError, RecursionError)


@dataclass(frozen=True, slots=True)
class TarredFile:
    """One file of an unpacked tar; size in bytes, `modified` in nanoseconds since the epoch.

    `stored` are its pieces, each an offset in the file and a length: one, or several with holes between that read as
    zeros. They lie in the tar one after the other, from `place` on.
    """

    path: str
    size: int
    executable: bool
    modified: int | None
    descriptor: int
    place: int
    stored: tuple[tuple[int, int], ...]

    def chunks(self) -> Iterator[bytes]:
        """Its content. Raises `SourceFailed` when the tar ends before it does."""
        at, place = 0, self.place
        for offset, length in self.stored:
            yield from _zeros(offset - at)
            at = offset + length
            while length:
                chunk = os.pread(self.descriptor, min(CHUNK, length), place)
                if not chunk:
                    raise SourceFailed(f"The archive is cut short: {shown(self.path)} is not whole.")
                place += len(chunk)
                length -= len(chunk)
                yield chunk
        yield from _zeros(self.size - at)


@contextmanager
def open_tar_gz(file: BinaryIO, size: int, scratch: Path, limits: Limits) -> Iterator[Unpacked]:
    """What is in a tar.gz of `size` bytes, the files in its order, readable until the context ends.

    The plain tar needs its space on the disk of `scratch`. Raises `SourceFailed` and `NoSpace`.
    """
    with temporary_file(scratch) as plain:
        _gunzip(file, size, plain, limits)
        names = Names(limits)
        files = list(_files(plain, names, limits))
        limits.check_unpacked(sum(found.size for found in files), size)
        yield Unpacked(files, names.empty_folders())


def _gunzip(file: BinaryIO, size: int, plain: BinaryIO, limits: Limits) -> None:
    unpacked = 0
    file.seek(0)
    try:
        with gzip.GzipFile(fileobj=file) as source:
            while chunk := source.read(CHUNK):
                limits.check_wanted()
                unpacked += len(chunk)
                limits.check_unpacked(unpacked, size)
                with raising_no_space(NO_SPACE_TO_FETCH):
                    plain.write(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceFailed("The .tar.gz is cut short or damaged: it cannot be unpacked.") from error
    with raising_no_space(NO_SPACE_TO_FETCH):
        plain.flush()


def _files(plain: BinaryIO, names: Names, limits: Limits) -> Iterator[TarredFile]:
    guarded, last, pieces = _Guarded(plain), -1, 0
    earlier: dict[str, TarredFile] = {}
    with _reading():
        archive = tarfile.open(fileobj=cast("BinaryIO", guarded), mode="r:", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
    while True:
        end = archive.offset
        guarded.left = _LARGEST_HEADER
        with _reading():
            member = archive.next()
        if member is None:
            break
        # A size below zero would lead tarfile back, to read the same for ever.
        if member.offset <= last or len(archive.pax_headers) > _MOST_GLOBAL_HEADERS:
            raise _damaged()
        last = member.offset
        archive.members.clear()  # type: ignore[attr-defined]  # else tarfile keeps all of them
        if member.isdir():
            names.add_folder(member.name)
        else:
            file = _file(member, names, plain, earlier)
            pieces += len(file.stored)
            limits.check_count(pieces)
            earlier[file.path] = file
            yield file
    _check_rest(plain, end)


def _file(member: tarfile.TarInfo, names: Names, plain: BinaryIO, earlier: Mapping[str, TarredFile]) -> TarredFile:
    if member.islnk():
        return _linked(member, names, earlier)
    if member.issym():
        raise SourceFailed(f"The archive holds a symbolic link, {shown(member.name)}; a version keeps files only.")
    if not member.isreg():
        raise SourceFailed(f"The archive holds {shown(member.name)}, which is neither a file nor a folder.")
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
    """Its time, to the nanosecond where the tar has it as text, which tarfile reads as a float."""
    try:
        seconds = Decimal(member.pax_headers.get("mtime", member.mtime))
        usable = 0 <= seconds < _LATEST
    except InvalidOperation:  # it is no number
        return None
    return storable_time(int(seconds * 10**9)) if usable else None


def _linked(member: tarfile.TarInfo, names: Names, earlier: Mapping[str, TarredFile]) -> TarredFile:
    """Another name for an earlier file: a file with the same content. tar writes the content once, with the first."""
    target = earlier.get(plain_path(member.linkname))
    if target is None:
        raise SourceFailed(
            f"The archive holds a hard link, {shown(member.name)}, to {shown(member.linkname)},"
            " which is no earlier file of the archive."
        )
    return replace(target, path=names.add_file(member.name))


def _check_rest(plain: BinaryIO, end: int) -> None:
    """After its last file a tar holds zeros only: tarfile takes any damage for the end, and the rest would be lost."""
    plain.seek(end)
    while chunk := plain.read(CHUNK):
        if chunk.count(0) != len(chunk):
            raise _damaged()


class _Guarded:
    """The tar as tarfile reads it, which is headers only: no more than `left` bytes for one file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell
        self.left = _LARGEST_HEADER
        file.seek(0)

    def read(self, size: int = -1) -> bytes:
        """As a file does. Raises `SourceFailed`."""
        self.left -= size
        if self.left < 0:
            raise _damaged()
        return self._file.read(size)


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise _damaged() from error


def _damaged() -> SourceFailed:
    return SourceFailed("The .tar.gz does not hold a sound tar archive: it is damaged, or of another type.")


def _zeros(size: int) -> Iterator[bytes]:
    while size > 0:
        yield bytes(min(CHUNK, size))
        size -= CHUNK
