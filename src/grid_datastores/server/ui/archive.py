"""A version's files as one tar file, made while it is sent."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grid_datastores.model import FileEntry


def tar(files: Iterable[tuple[FileEntry, Iterator[bytes]]]) -> Iterator[bytes]:
    """The tar file of these files and their contents, piece by piece."""
    for file, content in files:
        info = tarfile.TarInfo(file.path)
        info.size = file.size
        yield info.tobuf(tarfile.PAX_FORMAT)
        yield from content
        yield bytes(-file.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)
