"""Stream a version's files as one tar file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grid_datastores.storage import BLOCK, tar_folder, tar_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grid_datastores.domain.model import FileEntry


def tar(files: Iterable[tuple[FileEntry, Iterator[bytes]]], folders: Iterable[str]) -> Iterator[bytes]:
    """Yield a tar file of these empty folders and files, in pieces."""
    yield from map(tar_folder, folders)
    for file, content in files:
        yield tar_header(file)
        yield from content
        yield bytes(-file.size % BLOCK)
    yield bytes(2 * BLOCK)
