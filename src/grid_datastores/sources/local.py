"""Files and folders on this machine. Links are not followed, and a file that cannot be read fails the whole upload."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import InvalidInput, SourceFailed
from grid_datastores.domain.model import Source, SourceKind
from grid_datastores.domain.text import os_reason
from grid_datastores.storage.manifest import check_path

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1024 * 1024  # bytes
_MAX_SHOWN = 200  # characters of a path in a message


@dataclass(frozen=True, slots=True)
class LocalFile:
    """One file as it was when its folder was scanned: size in bytes, `modified` in nanoseconds since the epoch."""

    path: str
    location: str
    size: int
    modified: int
    executable: bool

    def chunks(self) -> Iterator[bytes]:
        """Yield the content. Raises `SourceFailed` if it cannot be read or has changed since the scan."""
        try:
            # O_NONBLOCK: if a pipe has replaced the file, do not wait for its writer.
            descriptor = os.open(self.location, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
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
                raise SourceFailed(f"{self.location} changed while it was read. Nothing was stored. Try again.")
        except OSError as error:
            raise _unreadable(self.location, error) from error
        finally:
            os.close(descriptor)


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
        file = _file(path.name, _utf8(os.path.realpath(location), "file"), found)
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
        for entry in entries:
            inside = f"{path}/{entry.name}" if path else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, _checked(inside, entry.path, "folder")))
            else:
                files.append(_entry_file(entry, inside))
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
    executable = bool(found.st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH))
    return LocalFile(_checked(path, location, "file"), location, found.st_size, found.st_mtime_ns, executable)


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
