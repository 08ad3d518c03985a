"""The files of a version by folder.

A decoded manifest is sorted by path, so all files below a folder are one range of it, which `bisect` finds. A page of
100,000 files then costs milliseconds. To decode the manifest for each page would take seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grid_datastores.domain.model import FileEntry
    from grid_datastores.storage import Manifest

ROWS_PER_PAGE = 100
_AFTER_SLASH = chr(ord("/") + 1)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with the count and total size in bytes of all files below it."""

    path: str
    file_count: int
    size_bytes: int

    @property
    def name(self) -> str:
        """Return the last part of its path; "" for the folder of all files."""
        return self.path.rpartition("/")[2]

    @property
    def parents(self) -> list[tuple[str, str]]:
        """Return the name and the path of each folder above it, outermost first, without the folder of all files."""
        return parents(self.path)


@dataclass(frozen=True, slots=True)
class FolderPage:
    """One page of what a folder contains: folders first, then files, each sorted by name. Pages count from 1."""

    folder: Folder
    folders: Sequence[Folder]
    files: Sequence[FileEntry]
    page: int
    pages: int


def open_folder(manifest: Manifest, path: str, page: int) -> FolderPage:
    """Return a page of the folder at this path, "" for the folder of all files. Raises `NotFound`."""
    prefix = f"{path}/" if path else ""
    below = _range_below(manifest.files, path)
    empty = [folder for folder in manifest.folders if folder.startswith(prefix)]
    if path and not below and not empty and path not in manifest.folders:
        raise NotFound(f"This version contains no folder {path!r}.")
    folders: dict[str, range] = {f"{prefix}{folder[len(prefix) :].partition('/')[0]}": range(0) for folder in empty}
    files = []
    for name, found in _children(manifest.files, prefix, below):
        if name:
            folders[f"{prefix}{name}"] = found
        else:
            files.append(found.start)
    pages = max(1, -(-(len(folders) + len(files)) // ROWS_PER_PAGE))
    page = min(max(page, 1), pages)
    shown = slice((page - 1) * ROWS_PER_PAGE, page * ROWS_PER_PAGE)
    shown_files = slice(*(max(0, bound - len(folders)) for bound in (shown.start, shown.stop)))
    return FolderPage(
        _folder(manifest, path, below),
        [_folder(manifest, folder, folders[folder]) for folder in sorted(folders)[shown]],
        [manifest.files[at] for at in files[shown_files]],
        page,
        pages,
    )


def parents(path: str) -> list[tuple[str, str]]:
    """Return the name and the path of each folder above this path, outermost first."""
    parts = path.split("/")[:-1]
    return [(name, "/".join(parts[: depth + 1])) for depth, name in enumerate(parts)]


def _children(files: Sequence[FileEntry], prefix: str, below: range) -> Iterator[tuple[str, range]]:
    """Yield the name of each folder with the range of its files, and "" with the range of each single file."""
    at = below.start
    while at < below.stop:
        name, slash, _ = files[at].path[len(prefix) :].partition("/")
        end = bisect_left(files, f"{prefix}{name}{_AFTER_SLASH}", at, below.stop, key=_path) if slash else at + 1
        yield name if slash else "", range(at, end)
        at = end


def _range_below(files: Sequence[FileEntry], path: str) -> range:
    if not path:
        return range(len(files))
    start = bisect_left(files, f"{path}/", key=_path)
    return range(start, bisect_left(files, f"{path}{_AFTER_SLASH}", start, key=_path))


def _folder(manifest: Manifest, path: str, below: range) -> Folder:
    size = sum(file.size for file in manifest.files[below.start : below.stop])
    return Folder(path, len(below), size)


def _path(file: FileEntry) -> str:
    return file.path
