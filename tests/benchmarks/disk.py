"""The disk that is measured: a new ext4 in a file, mounted as a loop device where this user may do that."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SIZE = "24G"  # sparse


@contextmanager
def disk() -> Iterator[tuple[Path, str]]:
    """Yield a folder on the disk, and what the disk is."""
    with tempfile.TemporaryDirectory() as temporary:
        image, folder = Path(temporary, "disk.ext4"), Path(temporary, "disk")
        folder.mkdir()
        if os.geteuid() == 0 and _mounted(image, folder):
            try:
                yield folder, "ext4 with a journal, in a file that is mounted as a loop device"
            finally:
                subprocess.run(["umount", "--lazy", str(folder)], check=True)
        else:
            yield folder, f"the disk of {Path(tempfile.gettempdir())}"


def _mounted(image: Path, folder: Path) -> bool:
    commands = (
        ["truncate", "--size", _SIZE, str(image)],
        ["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image)],
        ["mount", "-o", "loop", str(image), str(folder)],
    )
    try:
        return all(subprocess.run(command, capture_output=True, check=False).returncode == 0 for command in commands)
    except FileNotFoundError:
        return False
