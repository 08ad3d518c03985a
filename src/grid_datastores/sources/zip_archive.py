"""Reads a zip: its files, at their positions, and its empty folders."""

from __future__ import annotations

import stat
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from grid_datastores.domain.errors import SourceFailed
from grid_datastores.sources.entries import ArchiveContents, ArchiveNames, quoted, reading_archive
from grid_datastores.sources.zip_fields import is_executable, modified
from grid_datastores.sources.zip_names import read_names
from grid_datastores.storage.packing import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grid_datastores.sources.limits import FetchLimits

_ENCRYPTED = 0x1 | 0x40
# Python limits how much these two unpack at a time. bzip2 and LZMA unpack a whole block of any size into memory.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAX_DIRECTORY_BYTES = 256 * 1024 * 1024  # of the table of contents, which zipfile reads into memory
_LOCAL_HEADER_SIZE = 30


@dataclass(frozen=True, slots=True)
class ZippedFile:
    """One file of an open zip: size in bytes, `modified` in nanoseconds since the epoch."""

    path: str
    size: int
    executable: bool
    modified: int | None
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo

    def chunks(self) -> Iterator[bytes]:
        """Yield the content, checked against its CRC. Raises `SourceFailed` if it is damaged."""
        left = self.size
        with reading_archive(lambda: _damaged(self.path)), self.archive.open(self.info) as file:
            while chunk := file.read(CHUNK):
                left -= len(chunk)
                yield chunk
        if left:
            raise _damaged(self.path)


@contextmanager
def open_zip(file: BinaryIO, size: int, limits: FetchLimits) -> Iterator[ArchiveContents]:
    """Yield the contents of a zip of `size` bytes. Its files are readable until the context ends.

    The sizes are those in the zip. Reading yields exactly that many bytes, or raises `SourceFailed`.
    """
    bounded = _BoundedZip(file, limits)
    with reading_archive(_unreadable):
        archive = zipfile.ZipFile(bounded)
    bounded.opening = False
    with archive:
        names = ArchiveNames(limits)
        files, note = _files(archive, names)
        limits.check_unpacked(sum(found.size for found in files), size)
        with reading_archive(_unreadable):
            _check_no_overlap([found.info for found in files])
        yield ArchiveContents(files, names.empty_folders(), note)


def _files(archive: zipfile.ZipFile, names: ArchiveNames) -> tuple[list[ZippedFile], str]:
    """Return the files, and the note on how their names were decoded. Adding a name can cancel the fetch."""
    with reading_archive(_unreadable):
        read = read_names(archive.infolist())
    files: list[ZippedFile] = []
    for info, name in zip(archive.infolist(), read.names, strict=True):
        info.filename = name
        if not _is_folder(info, names):
            path = names.add_file(name)
            with reading_archive(_unreadable):
                files.append(ZippedFile(path, info.file_size, is_executable(info), modified(info), archive, info))
    return files, read.note


class _BoundedZip:
    """The file as `zipfile` reads it. While the zip is opened, the size of its table of contents is limited."""

    def __init__(self, file: BinaryIO, limits: FetchLimits) -> None:
        self._file = file
        self._limits = limits
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self.opening = True

    def read(self, size: int = -1) -> bytes:
        """Read like a file. Raises `SourceFailed` if the table of contents is too large."""
        if self.opening and size > _MAX_DIRECTORY_BYTES:
            raise SourceFailed("The table of contents of the zip is too large.")
        data = self._file.read(size)
        if self.opening:
            self._limits.check_count(data.count(b"PK\1\2"))
        return data


def _is_folder(info: zipfile.ZipInfo, names: ArchiveNames) -> bool:
    if "\0" in info.orig_filename:
        raise SourceFailed(f"The archive contains a name that is not a valid path, {quoted(info.orig_filename)}.")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise SourceFailed(
            f"The archive contains a symbolic link, {quoted(info.filename)}. A version can contain only files."
        )
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise SourceFailed(f"The archive contains {quoted(info.filename)}, which is neither a file nor a folder.")
    if info.filename.endswith("/") or kind == stat.S_IFDIR:
        if info.file_size:
            raise SourceFailed(f"The archive contains {quoted(info.filename)} as a file and as a folder.")
        names.add_folder(info.filename)
        return True
    if info.flag_bits & _ENCRYPTED:
        raise SourceFailed(f"The zip is encrypted ({quoted(info.filename)}). Create it without a password.")
    if info.compress_type not in _METHODS:
        raise SourceFailed(
            f"The zip compresses {quoted(info.filename)} with an unsupported method. Use deflate, the default."
        )
    return False


def _check_no_overlap(infos: list[zipfile.ZipInfo]) -> None:
    """Raise `SourceFailed` if two files share bytes of the zip. Overlapping files let a small zip unpack endlessly."""
    end, previous = 0, ""
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise SourceFailed(f"The zip stores {quoted(previous)} and {quoted(info.filename)} in the same bytes.")
        end, previous = info.header_offset + _LOCAL_HEADER_SIZE + info.compress_size, info.filename


def _unreadable() -> SourceFailed:
    return SourceFailed("The zip is truncated or damaged: its table of contents cannot be read.")


def _damaged(path: str) -> SourceFailed:
    return SourceFailed(f"The archive is damaged: {quoted(path)} does not match its table of contents.")
