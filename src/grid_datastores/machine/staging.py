"""Staging folders: written beside their destination and renamed to it when they are complete.

A killed process cannot remove its staging folder. Each process therefore writes the folder's path into a note below the
settings directory and locks the note. The next command erases the folders whose notes are no longer locked.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import uuid4

from grid_datastores.system.file_locks import exclusive_lock
from grid_datastores.system.files import append_durably, remove_tree

NOTES = "unfinished-downloads"
_NOTE_NAME = re.compile(r"[0-9a-f]{16}")  # other files are not notes and stay
_MARK_LENGTH = 16  # hexadecimal digits; the mark is the note's name and ends the folder's name
_MAX_NAME_BYTES = 255


class StagingFolder:
    """A new, empty folder beside `destination`, with a note below the settings directory `directory`."""

    def __init__(self, directory: Path, destination: Path) -> None:
        """Create the folder and its note. Raises `OSError` if the folder cannot be created."""
        mark = uuid4().hex[:_MARK_LENGTH]
        max_bytes = _MAX_NAME_BYTES - len(f"..{mark}")
        name = os.fsencode(destination.name)[:max_bytes].decode("utf-8", "ignore")
        self.path = destination.parent / f".{name}.{mark}"
        self._note = directory / NOTES / mark
        self._lock = ExitStack()
        try:
            with suppress(OSError):  # without a note, the folder only remains if this process is killed
                self._write_note()
            self.path.mkdir()
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Remove the folder, unless it was renamed. If this fails, the note stays and the next command retries."""
        with self._lock, suppress(OSError):
            if os.path.lexists(self.path):
                remove_tree(self.path)
            self._note.unlink()

    def _write_note(self) -> None:
        self._note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock.enter_context(exclusive_lock(self._note, wait=True))
        append_durably(self._note, os.fsencode(self.path.absolute()))


def erase_abandoned(directory: Path) -> None:
    """Erase the staging folders of killed processes. If this fails for a folder, the next command retries."""
    with suppress(OSError):
        notes = [path for path in (directory / NOTES).iterdir() if _NOTE_NAME.fullmatch(path.name)]
        for note in notes:
            with suppress(OSError):  # its process is running, or the folder cannot be removed now
                _erase(note)


def _erase(note: Path) -> None:
    """Erase the folder of this note, then the note. Raises `BlockingIOError` if the note's process is running."""
    with exclusive_lock(note, wait=False):
        text = os.fsdecode(note.read_bytes())  # empty if the process was killed before it wrote the note
        folder = Path(text)
        if text and not _is_marked(folder, note.name):
            return
        if text and folder.is_dir() and not folder.is_symlink():
            remove_tree(folder)
        if not text or folder.parent.is_dir():  # otherwise its disk may only be disconnected
            note.unlink()


def _is_marked(folder: Path, mark: str) -> bool:
    """Return whether the folder's name ends with the note's mark. Other paths in a note must not be erased."""
    return folder.is_absolute() and folder.name.startswith(".") and folder.name.endswith(f".{mark}")
