"""The names in an archive, checked together. One invalid name refuses the whole archive: no file is left out."""

from __future__ import annotations

import errno
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import InvalidInput, Refusal, SourceFailed
from grid_datastores.sources.limits import OBJECT_PROGRESS
from grid_datastores.storage.manifest import check_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from grid_datastores.sources.limits import FetchLimits
    from grid_datastores.storage.packing import FileToPack

_ABSOLUTE = re.compile(r"/|\\|[A-Za-z]:[/\\]")
_TIMES = range(2**63)  # nanoseconds since the epoch that a file system can store
_MAX_SHOWN = 60  # characters of a path in a message
_ERRORS_OF_DATA = (None, errno.EINVAL)  # of an `OSError`: raised by Python, or for a position that no file has


@dataclass(frozen=True, slots=True)
class ArchiveContents:
    """The files and empty folders in an archive.

    `note` tells the user how names were decoded ("" for nothing unusual).
    """

    files: Sequence[FileToPack]
    folders: Sequence[str]
    note: str = ""


class ArchiveNames:
    """The files and folders seen so far. A name can occur once, as a file or as a folder."""

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._seen = 0
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._parents: set[str] = set()

    def add_file(self, name: str) -> str:
        """Return the path, inside a version, of the file that the archive calls `name`. Raises `SourceFailed`."""
        path = self._path(name)
        if name.endswith("/"):
            raise SourceFailed(f"The archive contains {quoted(name)} as a file and as a folder.")
        if path in self._files:
            raise SourceFailed(f"The archive contains {quoted(path)} twice.")
        self._files.add(path)
        self._add_parents(path)
        self._check_one_kind(path)
        return path

    def add_folder(self, name: str) -> None:
        """Add a folder entry; "./" is the archive's own folder. Raises `SourceFailed`."""
        if name.strip("./") == "" and not _ABSOLUTE.match(name) and ".." not in name:
            self._count()
            return
        path = self._path(name)
        self._folders.add(path)
        self._add_parents(path)
        self._check_one_kind(path)

    def empty_folders(self) -> list[str]:
        """Return the paths of the folders that contain nothing, sorted."""
        return sorted(self._folders - self._parents)

    def _count(self) -> None:
        self._seen += 1
        self._limits.check_count(self._seen)
        self._limits.progress(OBJECT_PROGRESS)

    def _path(self, name: str) -> str:
        self._count()
        if _ABSOLUTE.match(name):
            raise SourceFailed(f"The archive contains an absolute path, {quoted(name)}.")
        path = normalized_path(name)
        if not path:
            raise SourceFailed(f"The archive contains {quoted(name)}, which is not the name of a file.")
        if ".." in path.split("/"):
            raise SourceFailed(f"The archive contains a path that leads outside it, {quoted(name)}.")
        try:
            path.encode()
            return check_path(path)
        except UnicodeEncodeError as error:
            raise SourceFailed(f"The archive contains a name that is not valid UTF-8, {quoted(name)}.") from error
        except InvalidInput as error:
            raise SourceFailed(f"The archive contains a name that is not a valid path. {error.message}") from error

    def _add_parents(self, path: str) -> None:
        parent = path.rpartition("/")[0]
        while parent and parent not in self._parents:
            self._parents.add(parent)
            self._check_one_kind(parent)
            parent = parent.rpartition("/")[0]

    def _check_one_kind(self, path: str) -> None:
        if path in self._files and (path in self._folders or path in self._parents):
            raise SourceFailed(f"The archive contains {quoted(path)} as a file and as a folder.")


@contextmanager
def reading_archive(refusal: Callable[[], SourceFailed]) -> Iterator[None]:
    """Raise this refusal for whatever Python's readers of archives raise because of the bytes in the block.

    They raise exceptions of many kinds for bytes that they do not expect. The disk's errors stay what they are.
    """
    try:
        yield
    except Refusal:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in _ERRORS_OF_DATA:
            raise
        raise refusal() from error


def storable_time(nanoseconds: int) -> int | None:
    """Return the time (nanoseconds since the epoch) if a version can store it, else None. The range is 1970 to 2262."""
    return nanoseconds if nanoseconds in _TIMES else None


def normalized_path(name: str) -> str:
    """Return the name without empty and "." parts: "./a//b" becomes "a/b". "/a" stays absolute."""
    path = "/".join(part for part in name.split("/") if part not in ("", "."))
    return f"/{path}" if name.startswith("/") else path


def quoted(name: str) -> str:
    """Return an untrusted name for a message: quoted, escaped and shortened."""
    return repr(name if len(name) <= _MAX_SHOWN else f"{name[:_MAX_SHOWN]}…")
