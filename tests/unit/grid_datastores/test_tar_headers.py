"""The headers of packs: made by hand where they fit the plain layout, and the same as those of `tarfile`."""

from __future__ import annotations

import random
import tarfile

import pytest

from grid_datastores.domain.model import FileEntry
from grid_datastores.storage import tar_header

PATHS = (
    "a",
    "folder/file.bin",
    "x" * 100,
    "x" * 101,
    f"{'d' * 90}/{'f' * 20}",
    "größe.csv",
    "日本.txt",
    " ",
    "a b",
    "'",
)
SIZES = (0, 1, 511, 512, 4096, 8**11 - 1, 8**11, 2**40)
TIMES = (None, -1, 0, 999_999_999, 10**9, 1_700_000_000 * 10**9, (8**11 - 1) * 10**9, 8**11 * 10**9, 2**63 - 1)


def _by_tarfile(file: FileEntry) -> bytes:
    info = tarfile.TarInfo(file.path)
    info.size = file.size
    info.mode = 0o755 if file.executable else 0o644
    info.mtime = max(0, (file.modified or 0) // 10**9)
    return info.tobuf(tarfile.PAX_FORMAT)


def _entry(path: str, size: int, modified: int | None, *, executable: bool) -> FileEntry:
    return FileEntry(path, size, "", "", 0, executable, modified)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("size", SIZES)
def test_a_header_is_that_of_tarfile(path: str, size: int) -> None:
    for modified in TIMES:
        for executable in (False, True):
            file = _entry(path, size, modified, executable=executable)
            assert tar_header(file) == _by_tarfile(file)


def test_so_is_any_other() -> None:
    drawn = random.Random(14)
    for _ in range(500):
        path = "".join(drawn.choices("abcABC019-_. /~ü", k=drawn.randint(1, 120)))
        file = _entry(path, drawn.randrange(8**12), drawn.randrange(2**63), executable=drawn.random() < 0.5)
        assert tar_header(file) == _by_tarfile(file)
