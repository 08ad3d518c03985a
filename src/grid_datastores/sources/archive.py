"""An archive that has arrived: what it is, told by its bytes and not by its name, and the files in it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from grid_datastores.domain.errors import SourceFailed
from grid_datastores.sources.tarred import open_tar_gz
from grid_datastores.sources.zipped import open_zip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from grid_datastores.sources.entries import Unpacked
    from grid_datastores.sources.limits import Limits

_ZIP = (b"PK\3\4", b"PK\5\6")  # a file's header, or the end of an empty zip
_GZIP = b"\x1f\x8b"
_PAGE = (b"<!doctype html", b"<html")
_LONGEST_MAGIC = 512


@contextmanager
def open_archive(file: BinaryIO, size: int, scratch: Path, limits: Limits) -> Iterator[Unpacked]:
    """What is in an archive of `size` bytes: the files in its order, readable in any order until the context ends.

    All names and sizes have been judged before the first is given. Raises `SourceFailed` and, when the disk of
    `scratch` is full, `NoSpace`; so does reading a file.
    """
    file.seek(0)
    start = file.read(_LONGEST_MAGIC)
    if start.startswith(_ZIP):
        with open_zip(file, size, limits) as zipped:
            yield _checked(zipped)
    elif start.startswith(_GZIP):
        with open_tar_gz(file, size, scratch, limits) as tarred:
            yield _checked(tarred)
    else:
        raise SourceFailed(f"What came is neither a .zip nor a .tar.gz but {_guess(start)}.")


def _checked(unpacked: Unpacked) -> Unpacked:
    if not unpacked.files:
        raise SourceFailed("The archive holds no file; a version needs at least one.")
    return unpacked


def _guess(start: bytes) -> str:
    if not start:
        return "nothing"
    if start.lstrip().lower().startswith(_PAGE):
        return "a web page; the archive may need a sign-in"
    return "something else"
