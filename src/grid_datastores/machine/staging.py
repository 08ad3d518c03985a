"""Folders that are written beside their destination and renamed when they are complete.

A process that is killed cannot remove its folder. So each folder is noted below the settings' directory, in a file that
the process keeps locked while it lives; the next command erases the folders whose notes nobody holds.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import uuid4

from grid_datastores.system.file_locks import alone
from grid_datastores.system.files import append_durably, remove_tree

NOTES = "unfinished-downloads"
_NOTE = re.compile(r"[0-9a-f]{16}")  # what is named otherwise is not of grid
_MARK = 16  # hexadecimal digits that end the name of a folder, and are the name of its note
_LONGEST_NAME = 255  # bytes


class StagingFolder:
    """A new, empty folder beside `destination`, noted below `directory`. Raises `OSError` when it cannot be made."""

    def __init__(self, directory: Path, destination: Path) -> None:
        mark = uuid4().hex[:_MARK]
        room = _LONGEST_NAME - len(f"..{mark}")
        name = os.fsencode(destination.name)[:room].decode("utf-8", "ignore")
        self.path = destination.parent / f".{name}.{mark}"
        self._note = directory / NOTES / mark
        self._lock = ExitStack()
        try:
            with suppress(OSError):  # where no note can be written, only a killed process leaves its folder
                self._write_note()
            self.path.mkdir()
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Remove the folder, unless it was renamed. Its note stays where that fails: the next command tries again."""
        with self._lock, suppress(OSError):
            if os.path.lexists(self.path):
                remove_tree(self.path)
            self._note.unlink()

    def _write_note(self) -> None:
        self._note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock.enter_context(alone(self._note, wait=True))
        append_durably(self._note, os.fsencode(self.path.absolute()))


def erase_abandoned(directory: Path) -> None:
    """Erase the folders of processes that were killed. What cannot be erased now is left to the next command."""
    with suppress(OSError):
        notes = [path for path in (directory / NOTES).iterdir() if _NOTE.fullmatch(path.name)]
        for note in notes:
            with suppress(OSError):  # its process lives, or the folder cannot be removed now
                _erase(note)


def _erase(note: Path) -> None:
    with alone(note, wait=False):
        text = os.fsdecode(note.read_bytes())  # empty where the process was killed before it had a folder
        folder = Path(text)
        if text and not _is_marked(folder, note.name):
            return
        if text and folder.is_dir() and not folder.is_symlink():
            remove_tree(folder)
        if not text or folder.parent.is_dir():  # else its disk may come back
            note.unlink()


def _is_marked(folder: Path, mark: str) -> bool:
    """Whether the name of the folder has the mark of the note: whatever else a note names is left alone."""
    return folder.is_absolute() and folder.name.startswith(".") and folder.name.endswith(f".{mark}")
