"""Turn a full disk into a refusal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import NoSpace
from grid_datastores.system.files import is_disk_full

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_SPACE_TO_STORE = "The disk that stores the data is full. Nothing of this upload was stored. Free space, then retry."
NO_SPACE_TO_FETCH = "The disk for fetched data is full. Nothing was stored. Free space, then retry."


@contextmanager
def raising_no_space(message: str) -> Iterator[None]:
    """Raise `NoSpace` with this message if the block fails because the disk is full."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise NoSpace(message) from error
        raise
