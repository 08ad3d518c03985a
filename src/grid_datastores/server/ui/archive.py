"""Stream a version's files as one tar file."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

from grid_datastores.storage import tar_folder, tar_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grid_datastores.domain.model import FileEntry
    from grid_datastores.storage import Manifest

_MAX_SHORT = 8**11  # sizes and times from this on need a long header


def tar(files: Iterable[tuple[FileEntry, Iterator[bytes]]], folders: Iterable[str]) -> Iterator[bytes]:
    """Yield a tar file of these empty folders and files, in pieces."""
    yield from map(tar_folder, folders)
    for file, content in files:
        yield tar_header(file)
        yield from content
        yield bytes(-file.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def tar_size(manifest: Manifest) -> int:
    """Return the size in bytes of the tar file of this manifest."""
    headers = sum(map(_header_size, manifest.files)) + sum(len(tar_folder(path)) for path in manifest.folders)
    contents = sum(file.size + -file.size % tarfile.BLOCKSIZE for file in manifest.files)
    return headers + contents + 2 * tarfile.BLOCKSIZE


def _header_size(file: FileEntry) -> int:
    """Return the size of the header in bytes. Most files need no long one, and building one takes time."""
    is_short = len(file.path) <= tarfile.LENGTH_NAME and file.path.isascii() and file.size < _MAX_SHORT
    return tarfile.BLOCKSIZE if is_short and (file.modified or 0) < _MAX_SHORT else len(tar_header(file))
