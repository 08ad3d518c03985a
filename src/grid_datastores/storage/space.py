"""A full disk, as a refusal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import NoSpace
from grid_datastores.system.files import is_disk_full

if TYPE_CHECKING:
    from collections.abc import Iterator

TO_STORE = "There is no space left where the data is stored. Nothing of this upload was kept."
TO_FETCH = "There is no space left on the server to fetch the source. Nothing was kept."


@contextmanager
def raising_no_space(message: str) -> Iterator[None]:
    """Raise `NoSpace` with this message, that of the work at hand, when the block finds the disk full."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise NoSpace(message) from error
        raise
