"""Temporary files that no name leads to: nothing of them is left, even when the server is killed."""

from __future__ import annotations

import errno
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from grid_datastores.domain.errors import NoSpace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def scratch_file(folder: Path) -> Iterator[BinaryIO]:
    """An empty file on the disk of `folder`, gone when the context ends."""
    with tempfile.TemporaryFile(dir=folder) as file:
        yield cast("BinaryIO", file)


@contextmanager
def full_disk() -> Iterator[None]:
    """Raises `NoSpace` where the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpace("There is no space left on the server to fetch the source; nothing was kept.") from error
        raise
