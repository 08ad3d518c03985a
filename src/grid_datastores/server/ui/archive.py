"""A version's files as one tar file, made while it is sent."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from grid_datastores.model import FileEntry


def tar(files: Iterable[FileEntry], read: Callable[[FileEntry], Iterator[bytes]]) -> Iterator[bytes]:
    """The tar file, piece by piece; `read` gives the content of one file."""
    for file in files:
        info = tarfile.TarInfo(file.path)
        info.size = file.size
        yield info.tobuf(tarfile.PAX_FORMAT)
        yield from read(file)
        yield bytes(-file.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)
