"""The data that is measured."""

from __future__ import annotations

import os
from pathlib import Path

SMALL = 4096  # bytes
LARGE = 512 * 1024 * 1024  # bytes
_PER_FOLDER = 1000
_CHUNK = 16 * 1024 * 1024


def small_files(folder: Path, count: int) -> Path:
    """Write so many files of 4 KiB, a thousand a folder, and return the folder."""
    for number in range(count):
        path = folder / str(number // _PER_FOLDER) / f"{number}.bin"
        if number % _PER_FOLDER == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(os.urandom(SMALL))
    return folder


def large_files(folder: Path, count: int, size: int = LARGE) -> Path:
    """Write so many large files and return the folder."""
    folder.mkdir(parents=True)
    for number in range(count):
        with (folder / f"{number}.bin").open("wb") as file:
            for _ in range(size // _CHUNK):
                file.write(os.urandom(_CHUNK))
    return folder
