"""The files and empty folders of a zip, the files read where they lie in it."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from grid_datastores.domain.errors import SourceFailed
from grid_datastores.sources.entries import Names, Unpacked, shown
from grid_datastores.sources.zipfields import is_executable, modified
from grid_datastores.sources.zipnames import read_names
from grid_datastores.storage.packing import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grid_datastores.sources.limits import Limits

_ENCRYPTED = 0x1 | 0x40
# Python bounds what these two give at a time; bzip2 and LZMA unpack a whole block into memory, however large.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, NotImplementedError, RuntimeError)
_LARGEST_TABLE = 256 * 1024 * 1024  # bytes of the table of contents, which zipfile takes into memory
_LOCAL_HEADER_SIZE = 30


@dataclass(frozen=True, slots=True)
class ZippedFile:
    """One file of an open zip; size in bytes, `modified` in nanoseconds since the epoch."""

    path: str
    size: int
    executable: bool
    modified: int | None
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo

    def chunks(self) -> Iterator[bytes]:
        """Its content, checked by its CRC. Raises `SourceFailed` when the archive is damaged here."""
        left = self.size
        try:
            with self.archive.open(self.info) as file:
                while chunk := file.read(CHUNK):
                    left -= len(chunk)
                    yield chunk
        except _DAMAGE as error:
            raise _damaged(self.path) from error
        if left:
            raise _damaged(self.path)


@contextmanager
def open_zip(file: BinaryIO, size: int, limits: Limits) -> Iterator[Unpacked]:
    """What is in a zip of `size` bytes, the files in its order, readable until the context ends.

    The sizes are those that the zip tells; reading gives exactly so many bytes or raises. Raises `SourceFailed`.
    """
    guarded = _Guarded(file, limits)
    try:
        archive = zipfile.ZipFile(guarded)
    except _DAMAGE as error:
        raise SourceFailed("The zip is cut short or damaged: its table of contents cannot be read.") from error
    guarded.opening = False
    with archive:
        names, read = Names(limits), read_names(archive.infolist())
        files: list[ZippedFile] = []
        for info, name in zip(archive.infolist(), read.names, strict=True):
            info.filename = name
            if not _is_folder(info, names):
                path = names.add_file(name)
                files.append(ZippedFile(path, info.file_size, is_executable(info), modified(info), archive, info))
        limits.check_unpacked(sum(found.size for found in files), size)
        _check_apart([found.info for found in files])
        yield Unpacked(files, names.empty_folders(), read.note)


class _Guarded:
    """The file as `zipfile` reads it: while it opens the zip, no table of contents of more entries than allowed."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self.opening = True

    def read(self, size: int = -1) -> bytes:
        """As a file does. Raises `SourceFailed`."""
        if self.opening and size > _LARGEST_TABLE:
            raise SourceFailed("The table of contents of the zip is too large.")
        data = self._file.read(size)
        if self.opening:
            self._limits.check_count(data.count(b"PK\1\2"))
        return data


def _is_folder(info: zipfile.ZipInfo, names: Names) -> bool:
    if "\0" in info.orig_filename:
        raise SourceFailed(f"The archive holds a name that a version's file cannot have, {shown(info.orig_filename)}.")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise SourceFailed(f"The archive holds a symbolic link, {shown(info.filename)}; a version keeps files only.")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise SourceFailed(f"The archive holds {shown(info.filename)}, which is neither a file nor a folder.")
    if info.is_dir() or kind == stat.S_IFDIR:
        if info.file_size:
            raise SourceFailed(f"The archive holds {shown(info.filename)} as a file and as a folder.")
        names.add_folder(info.filename)
        return True
    if info.flag_bits & _ENCRYPTED:
        raise SourceFailed(f"The zip is encrypted ({shown(info.filename)}); make it without a password.")
    if info.compress_type not in _METHODS:
        raise SourceFailed(
            f"The zip packs {shown(info.filename)} by a method that is not read here; use the usual one, deflate."
        )
    return False


def _check_apart(infos: list[zipfile.ZipInfo]) -> None:
    """No two files share bytes of the zip: overlapping ones are how a small zip swells without end."""
    end, previous = 0, ""
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise SourceFailed(f"The zip uses the same bytes for {shown(previous)} and {shown(info.filename)}.")
        end, previous = info.header_offset + _LOCAL_HEADER_SIZE + info.compress_size, info.filename


def _damaged(path: str) -> SourceFailed:
    return SourceFailed(f"The archive is damaged: {shown(path)} does not unpack to what its table of contents tells.")
