"""How much a source may cost the server, and for how long it is wanted at all.

Size and number of files decide first: what a disk can hold is data, however well it packs. A file of zeros shrinks to
a thousandth in a zip and to nothing in a sparse tar; both are ordinary. The ratio matters only for an archive that
unpacks to more than a disk takes unnoticed: no data of that size shrinks so far, and a few kilobytes must not cost that
much. Holes of sparse files count as the zeros that a version stores for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import SourceFailed

if TYPE_CHECKING:
    from collections.abc import Callable

_MIB = 1024 * 1024
_GIB = 1024 * _MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused above: sizes in bytes, times in seconds.

    `check_wanted` is called all the time while data comes in; what it raises ends the fetch.
    """

    download_bytes: int = 100 * _GIB
    download_seconds: float = 24 * 3600
    stall_seconds: float = 60  # without a byte from the other side
    total_bytes: int = 100 * _GIB  # of all files of the version
    files: int = 1_000_000  # folders of an archive included
    ratio: int = 1000  # unpacked bytes for each packed one; deflate itself ends at 1032
    ratio_from: int = 10 * _GIB  # unpacked bytes; up to here any ratio is allowed
    check_wanted: Callable[[], object] = lambda: None

    def check_total(self, size: int) -> None:
        """All files together are not too large. Raises `SourceFailed`."""
        if size > self.total_bytes:
            raise SourceFailed(f"The source holds more than the {amount(self.total_bytes)} that are allowed.")

    def check_count(self, count: int) -> None:
        """There are not too many files. Raises `SourceFailed`."""
        if count > self.files:
            raise SourceFailed(f"The source holds more than the {self.files:,} files that are allowed.")

    def check_unpacked(self, size: int, packed: int) -> None:
        """An archive of `packed` bytes that gives `size` is not too large, and no bomb. Raises `SourceFailed`."""
        self.check_total(size)
        if size > self.ratio_from and size > self.ratio * packed:
            raise SourceFailed(
                f"The archive unpacks to more than {amount(self.ratio_from)} and to more than {self.ratio:,} times"
                " its own size. Nothing was kept. Upload the unpacked files instead."
            )


def amount(size: int) -> str:
    """A size in bytes as people read it."""
    for unit, factor in (("GiB", _GIB), ("MiB", _MIB)):
        if size >= factor:
            return f"{size / factor:.4g} {unit}"
    return f"{size:,} bytes"
