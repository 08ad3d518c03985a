"""Stream a version's files as one tar file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grid_datastores.storage import BLOCK, tar_folder, tar_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grid_datastores.domain.model import FileEntry
    from grid_datastores.storage import Manifest


def tar(files: Iterable[tuple[FileEntry, Iterator[bytes]]], folders: Iterable[str]) -> Iterator[bytes]:
    """Yield a tar file of these empty folders and files, in pieces."""
    yield from map(tar_folder, folders)
    for file, content in files:
        yield tar_header(file)
        yield from content
        yield bytes(-file.size % BLOCK)
    yield bytes(2 * BLOCK)


def tar_size(manifest: Manifest) -> int:
    """Return the size in bytes of the tar file of this manifest."""
    folders = sum(len(tar_folder(path)) for path in manifest.folders)
    files = sum(len(tar_header(file)) + file.size + -file.size % BLOCK for file in manifest.files)
    return folders + files + 2 * BLOCK
