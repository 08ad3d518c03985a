"""Files and folders on this machine, read as they stand: nothing is followed, skipped or half read."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grid_datastores.errors import InvalidInput, SourceFailed
from grid_datastores.model import Source, SourceKind
from grid_datastores.storage.manifest import check_path

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class LocalFile:
    """One file as it was when the folder was scanned; size in bytes, `changed` in nanoseconds."""

    path: str
    location: str
    size: int
    changed: int

    def chunks(self) -> Iterator[bytes]:
        """Its content; raises `SourceFailed` when it cannot be read or is not as it was."""
        try:
            # Without O_NONBLOCK, a pipe that took the file's place would be waited for.
            descriptor = os.open(self.location, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _unreadable(self.location, error) from error
        try:
            read = 0
            while chunk := os.read(descriptor, min(_CHUNK, self.size - read + 1)):
                read += len(chunk)
                if read > self.size:
                    break
                yield chunk
            now = os.fstat(descriptor)
            if (read, now.st_size, now.st_mtime_ns) != (self.size, self.size, self.changed):
                raise SourceFailed(f"{self.location} changed while it was read; nothing was kept. Try again.")
        except OSError as error:
            raise _unreadable(self.location, error) from error
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class LocalSource:
    """What `scan` found: the source and its files, sorted by path."""

    source: Source
    files: tuple[LocalFile, ...]

    @property
    def size_bytes(self) -> int:
        """The bytes of all files."""
        return sum(file.size for file in self.files)


def scan(location: str) -> LocalSource:
    """The files of a file or folder. Raises `InvalidInput` when there is none, or one that a version cannot hold."""
    if not location:
        raise InvalidInput("Give a file or a folder; nothing stands for the current one but '.'.")
    given = Path(location)
    try:
        kind = given.stat().st_mode
    except OSError as error:
        raise InvalidInput(f"{location} cannot be read: {_why(error)}.") from error
    base = _utf8(os.path.realpath(location), "folder" if stat.S_ISDIR(kind) else "file")
    source = Source(SourceKind.FILES, base)
    if stat.S_ISREG(kind):
        return LocalSource(source, (_file(Path(base).name, base, given.stat()),))
    if not stat.S_ISDIR(kind):
        raise InvalidInput(f"{location} is neither a file nor a folder.")
    files = sorted(_walk(base, ""), key=lambda file: file.path)
    if not files:
        raise InvalidInput(f"{location} holds no file; a version needs at least one.")
    return LocalSource(source, tuple(files))


def _walk(folder: str, prefix: str) -> Iterator[LocalFile]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = f"{prefix}{entry.name}"
                if entry.is_symlink():
                    raise InvalidInput(
                        f"{entry.path} is a symbolic link; a version keeps files only."
                        " Put the file itself there, or leave the link out."
                    )
                if entry.is_dir(follow_symlinks=False):
                    yield from _walk(entry.path, f"{path}/")
                elif entry.is_file(follow_symlinks=False):
                    yield _file(path, entry.path, entry.stat(follow_symlinks=False))
                else:
                    raise InvalidInput(f"{entry.path} is neither a file nor a folder; leave it out.")
    except OSError as error:
        raise _unreadable(folder, error) from error


def _file(path: str, location: str, found: os.stat_result) -> LocalFile:
    _utf8(location, "file")
    return LocalFile(check_path(path), location, found.st_size, found.st_mtime_ns)


def _utf8(location: str, what: str) -> str:
    try:
        location.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"The name of {location!r} is not valid UTF-8; rename the {what}.") from error
    return location


def _unreadable(location: str, error: OSError) -> SourceFailed:
    return SourceFailed(f"{location} cannot be read: {_why(error)}. Nothing was kept.")


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
