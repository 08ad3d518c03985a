"""Files and folders on this machine. Links are not followed, and a file that cannot be read fails the whole upload."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from grid_datastores.domain.errors import InvalidInput, SourceFailed
from grid_datastores.domain.model import Source, SourceKind
from grid_datastores.domain.text import os_reason
from grid_datastores.storage.manifest import are_plain, check_path

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1024 * 1024  # bytes
# O_NONBLOCK: if a pipe has replaced the file, do not wait for its writer.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_EXECUTABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
_MAX_SHOWN = 200  # characters of a path in a message


class LocalFile(NamedTuple):
    """One file as it was when its folder was scanned: size in bytes, `modified` in nanoseconds since the epoch."""

    path: str
    location: str
    size: int
    modified: int
    executable: bool

    def chunks(self) -> Iterator[bytes]:
        """Return the content in pieces. Raises `SourceFailed` if it cannot be read or has changed since the scan."""
        return iter((self._small(),)) if self.size < _CHUNK else self._large()

    def _small(self) -> bytes:
        """Return the content in one piece, with no system call that is not needed."""
        try:
            descriptor = os.open(self.location, _FLAGS)
            try:
                content = os.read(descriptor, self.size + 1)
                now = os.fstat(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _unreadable(self.location, error) from error
        if len(content) < self.size:  # it was shortened, or its file system returns less at a time
            return b"".join(self._large())
        if now.st_mtime_ns != self.modified or now.st_size != self.size or len(content) > self.size:
            raise self._changed()
        return content

    def _large(self) -> Iterator[bytes]:
        try:
            descriptor = os.open(self.location, _FLAGS)
        except OSError as error:
            raise _unreadable(self.location, error) from error
        try:
            read, asked, chunk = 0, 0, b""
            while len(chunk) == asked or read < self.size:  # fewer bytes than asked for, at its size: the file's end
                asked = min(_CHUNK, self.size - read + 1)
                chunk = os.read(descriptor, asked)
                read += len(chunk)
                if not chunk or read > self.size:
                    break
                yield chunk
            now = os.fstat(descriptor)
            if (read, now.st_size, now.st_mtime_ns) != (self.size, self.size, self.modified):
                raise self._changed()
        except OSError as error:
            raise _unreadable(self.location, error) from error
        finally:
            os.close(descriptor)

    def _changed(self) -> SourceFailed:
        return SourceFailed(f"{self.location} changed while it was read. Nothing was stored. Try again.")


@dataclass(frozen=True, slots=True)
class LocalSource:
    """The result of `scan`: the source, its files sorted by path, and its empty folders."""

    source: Source
    files: tuple[LocalFile, ...]
    folders: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """The total size of all files in bytes."""
        return sum(file.size for file in self.files)


def scan(location: str) -> LocalSource:
    """Return the files of a file or folder.

    A file that is named by a link keeps the typed name (rule version-complete). Raises `InvalidInput` if there is no
    file, or one that a version cannot contain.
    """
    if not location:
        raise InvalidInput("Give a file or a folder. For the current folder, give '.'.")
    path = Path(location)
    try:
        found = path.stat()
    except OSError as error:
        raise InvalidInput(f"{location} cannot be read: {os_reason(error)}.") from error
    if stat.S_ISREG(found.st_mode):
        shown = _utf8(os.path.join(os.path.realpath(path.parent), path.name), "file")  # noqa: PTH118 - a loop of links
        real = _utf8(os.path.realpath(location), "file")
        file = _file(_checked(path.name, real, "file"), real, found)
        return LocalSource(Source(SourceKind.FILES, shown), (file,))
    if not stat.S_ISDIR(found.st_mode):
        raise InvalidInput(f"{location} is neither a file nor a folder.")
    base = _utf8(os.path.realpath(location), "folder")
    files, folders = _walk(base)
    if not files:
        raise InvalidInput(f"{location} contains no file. A version needs at least one.")
    files.sort(key=lambda file: file.path)
    return LocalSource(Source(SourceKind.FILES, base), tuple(files), tuple(sorted(folders)))


def _walk(base: str) -> tuple[list[LocalFile], list[str]]:
    """Return all files below a folder and the empty folders. Iterative: folders can nest deeper than Python calls."""
    files: list[LocalFile] = []
    empty: list[str] = []
    waiting = [(base, "")]
    while waiting:
        folder, path = waiting.pop()
        entries = _entries(folder)
        if path and not entries:
            empty.append(path)
        prefix = f"{path}/" if path else ""
        found: list[LocalFile] = []
        for entry in entries:
            inside = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, _checked(inside, entry.path, "folder")))
            else:
                found.append(_entry_file(entry, inside))
        if not are_plain([file.path for file in found]):
            for file in found:
                _checked(file.path, file.location, "file")
        files += found
    return files, empty


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise _unreadable(folder, error) from error


def _entry_file(entry: os.DirEntry[str], path: str) -> LocalFile:
    if entry.is_symlink():
        raise InvalidInput(
            f"{entry.path} is a symbolic link. A version can contain only files."
            " Replace the link with the file, or leave it out."
        )
    if not entry.is_file(follow_symlinks=False):
        raise InvalidInput(f"{entry.path} is neither a file nor a folder. Leave it out.")
    try:
        return _file(path, entry.path, entry.stat(follow_symlinks=False))
    except OSError as error:
        raise _unreadable(entry.path, error) from error


def _file(path: str, location: str, found: os.stat_result) -> LocalFile:
    return LocalFile(path, location, found.st_size, found.st_mtime_ns, bool(found.st_mode & _EXECUTABLE))


def _checked(path: str, location: str, what: str) -> str:
    """Return the path if it is valid in a version. The message of `InvalidInput` names the location on this machine."""
    _utf8(location, what)
    try:
        return check_path(path)
    except InvalidInput as error:
        shown = location if len(location) <= _MAX_SHOWN else f"{location[:_MAX_SHOWN]}…"
        raise InvalidInput(f"{shown} cannot be in a version. {error.message}") from error


def _utf8(location: str, what: str) -> str:
    try:
        location.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"The name of {location!r} is not valid UTF-8. Rename the {what}.") from error
    return location


def _unreadable(location: str, error: OSError) -> SourceFailed:
    return SourceFailed(f"{location} cannot be read: {os_reason(error)}. Nothing was stored.")
