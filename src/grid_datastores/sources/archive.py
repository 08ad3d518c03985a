"""Opens a downloaded archive. Its first bytes, not its name, decide its type."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from grid_datastores.domain.errors import SourceFailed
from grid_datastores.sources.tar_archive import open_tar_gz
from grid_datastores.sources.zip_archive import open_zip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from grid_datastores.sources.entries import ArchiveContents
    from grid_datastores.sources.limits import FetchLimits

_ZIP = (b"PK\3\4", b"PK\5\6")  # a file's header, or the end of an empty zip
_GZIP = b"\x1f\x8b"
_PAGE = (b"<!doctype html", b"<html")
_MAGIC_LENGTH = 512


@contextmanager
def open_archive(file: BinaryIO, size: int, scratch: Path, limits: FetchLimits) -> Iterator[ArchiveContents]:
    """Yield the contents of an archive of `size` bytes. Its files are readable, in any order, until the context ends.

    All names and sizes are checked before it yields. Opening and reading raise `SourceFailed`, and `NoSpace` if the
    disk of `scratch` is full.
    """
    file.seek(0)
    start = file.read(_MAGIC_LENGTH)
    if start.startswith(_ZIP):
        with open_zip(file, size, limits) as zipped:
            yield _checked(zipped)
    elif start.startswith(_GZIP):
        with open_tar_gz(file, size, scratch, limits) as tarred:
            yield _checked(tarred)
    else:
        raise SourceFailed(f"The download is neither a .zip nor a .tar.gz, but {_guess(start)}.")


def _checked(unpacked: ArchiveContents) -> ArchiveContents:
    if not unpacked.files:
        raise SourceFailed("The archive contains no file. A version needs at least one.")
    return unpacked


def _guess(start: bytes) -> str:
    if not start:
        return "an empty file"
    if start.lstrip().lower().startswith(_PAGE):
        return "a web page. The archive may need a sign-in"
    return "another format"
