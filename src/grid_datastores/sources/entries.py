"""The names in an archive, judged together: what cannot be a version's file is refused, nothing is left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import InvalidInput, SourceFailed
from grid_datastores.storage.manifest import check_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grid_datastores.sources.limits import Limits
    from grid_datastores.storage.packing import FileToPack

_ABSOLUTE = re.compile(r"/|\\|[A-Za-z]:[/\\]")
_TIMES = range(2**63)  # nanoseconds since the epoch: what a file system's time can hold
_SHOWN = 60  # characters of a path in a message


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What is in an archive: files and empty folders. `note` is what the user should know of how it was read, or ""."""

    files: Sequence[FileToPack]
    folders: Sequence[str]
    note: str = ""


class Names:
    """The files and folders seen so far; every name comes once, as one of the two."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._seen = 0
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._parents: set[str] = set()

    def add_file(self, name: str) -> str:
        """The path inside a version of a file that the archive calls `name`. Raises `SourceFailed`."""
        path = self._path(name)
        if path in self._files:
            raise SourceFailed(f"The archive holds {shown(path)} twice.")
        self._files.add(path)
        self._add_parents(path)
        self._check_one_kind(path)
        return path

    def add_folder(self, name: str) -> None:
        """A folder of its own; "./" is the archive itself. Raises `SourceFailed`."""
        if name.strip("./") == "" and not _ABSOLUTE.match(name) and ".." not in name:
            self._count()
            return
        path = self._path(name)
        self._folders.add(path)
        self._add_parents(path)
        self._check_one_kind(path)

    def empty_folders(self) -> list[str]:
        """The paths of the folders that nothing is in, sorted."""
        return sorted(self._folders - self._parents)

    def _count(self) -> None:
        self._seen += 1
        self._limits.check_count(self._seen)

    def _path(self, name: str) -> str:
        self._count()
        if _ABSOLUTE.match(name):
            raise SourceFailed(f"The archive holds an absolute path, {shown(name)}.")
        path = plain_path(name)
        if ".." in path.split("/"):
            raise SourceFailed(f"The archive holds a path that leads out of it, {shown(name)}.")
        try:
            path.encode()
            return check_path(path)
        except UnicodeEncodeError as error:
            raise SourceFailed(f"The archive holds a name that is not valid UTF-8, {shown(name)}.") from error
        except InvalidInput as error:
            raise SourceFailed(
                f"The archive holds a name that a version's file cannot have. {error.message}"
            ) from error

    def _add_parents(self, path: str) -> None:
        parent = path.rpartition("/")[0]
        while parent and parent not in self._parents:
            self._parents.add(parent)
            self._check_one_kind(parent)
            parent = parent.rpartition("/")[0]

    def _check_one_kind(self, path: str) -> None:
        if path in self._files and (path in self._folders or path in self._parents):
            raise SourceFailed(f"The archive holds {shown(path)} as a file and as a folder.")


def storable_time(nanoseconds: int) -> int | None:
    """The time since the epoch, if a version can keep it: from 1970 to 2262."""
    return nanoseconds if nanoseconds in _TIMES else None


def plain_path(name: str) -> str:
    """A name without the parts that lead nowhere: "./a//b" is "a/b", and "/a" stays absolute."""
    path = "/".join(part for part in name.split("/") if part not in ("", "."))
    return f"/{path}" if name.startswith("/") else path


def shown(name: str) -> str:
    """A name from outside as a message may show it: quoted, escaped, not endless."""
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…")
