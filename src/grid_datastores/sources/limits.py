"""Limits on what fetching a source may cost the server.

The size and the number of files are limited first. The compression ratio matters only for archives larger than
`ratio_from`: a file of zeros legitimately shrinks to a thousandth in a zip and to nothing in a sparse tar, but no real
data of that size does, and a few kilobytes must not fill the disk. Holes of sparse files count as the zeros that a
version stores for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import SourceFailed

if TYPE_CHECKING:
    from collections.abc import Callable

_MIB = 1024 * 1024
_GIB = 1024 * _MIB
OBJECT_PROGRESS = 4096  # bytes that each object of a bucket or archive counts for: small ones take time, too


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """The maximums: sizes in bytes, times in seconds.

    `check_cancelled` is called for every chunk; its error ends the fetch. `on_progress` gets the number of bytes that
    arrived or were unpacked.
    """

    download_bytes: int = 100 * _GIB
    download_seconds: float = 24 * 3600
    stall_seconds: float = 60  # without a byte from the peer
    total_bytes: int = 100 * _GIB  # of all files of the version
    files: int = 1_000_000  # including the folders of an archive
    ratio: int = 1000  # unpacked bytes per packed byte; deflate reaches at most 1032
    ratio_from: int = 10 * _GIB  # unpacked bytes; smaller archives may have any ratio
    check_cancelled: Callable[[], object] = lambda: None
    on_progress: Callable[[int], object] = lambda _: None

    def progress(self, size: int) -> None:
        """Record that so many bytes arrived or were unpacked. Raises the error of `check_cancelled`."""
        self.on_progress(size)
        self.check_cancelled()

    def check_total(self, size: int) -> None:
        """Raise `SourceFailed` if the files are too large together."""
        if size > self.total_bytes:
            raise SourceFailed(f"The source contains more than the allowed {binary_size(self.total_bytes)}.")

    def check_count(self, count: int) -> None:
        """Raise `SourceFailed` if there are too many files."""
        if count > self.files:
            raise SourceFailed(f"The source contains more than the allowed {self.files:,} files.")

    def check_unpacked(self, size: int, packed: int) -> None:
        """Raise `SourceFailed` if `packed` bytes that unpack to `size` bytes are too large or a decompression bomb."""
        self.check_total(size)
        if size > self.ratio_from and size > self.ratio * packed:
            raise SourceFailed(
                f"The archive unpacks to more than {binary_size(self.ratio_from)} and to more than {self.ratio:,} times"
                " its own size. Nothing was stored. Upload the unpacked files instead."
            )


def binary_size(size: int) -> str:
    """Format a size in bytes with binary units."""
    for unit, factor in (("GiB", _GIB), ("MiB", _MIB)):
        if size >= factor:
            return f"{size / factor:.4g} {unit}"
    return f"{size:,} bytes"
