"""Folders that are written beside their destination and renamed when they are complete.

A process that is killed cannot remove its folder. So each folder is noted below the settings' directory, in a file that
the process keeps locked while it lives; the next command erases the folders whose notes nobody holds.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import uuid4

from grid_datastores.locks import alone

NOTES = "asides"
_MARK = 16  # hexadecimal digits that end the name of a folder, and are the name of its note
_NAME = re.compile(rf"[0-9a-f]{{{_MARK}}}")  # of a note
_LONGEST_NAME = 255  # bytes
_LONGEST_NOTE = 8192  # bytes: the longest path takes half of it


class FolderAside:
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
        with self._note.open("wb") as file:
            file.write(os.fsencode(self.path.absolute()))
            file.flush()
            os.fsync(file.fileno())


def erase_abandoned(directory: Path) -> None:
    """Erase the folders of processes that were killed. What cannot be erased now is left to the next command.

    The settings' directory may be one in which people keep their own files: only a note is opened, locked or removed.
    """
    with suppress(OSError):
        for path in list((directory / NOTES).iterdir()):
            with suppress(OSError):  # its process lives, or the folder cannot be removed now
                if _may_be_note(path):
                    _erase(path)


def _may_be_note(path: Path) -> bool:
    named = _NAME.fullmatch(path.name) is not None
    return named and not path.is_symlink() and path.is_file() and path.stat().st_size <= _LONGEST_NOTE


def _erase(note: Path) -> None:
    with alone(note, wait=False):
        content = note.read_bytes()
        folder = Path(os.fsdecode(content))
        if not content:  # its process was killed before it made the folder
            note.unlink()
        elif folder.is_absolute() and _has_mark(folder, note.name):
            if folder.is_dir() and not folder.is_symlink():
                remove_tree(folder)
            if folder.parent.is_dir():  # else its disk may come back
                note.unlink()


def _has_mark(folder: Path, mark: str) -> bool:
    return folder.name.startswith(".") and folder.name.endswith(f".{mark}")


def remove_tree(folder: Path) -> None:
    """Remove a folder, also one that can only be read. Not recursive: folders nest deeper than Python calls."""
    folders = [folder]
    for each in folders:
        each.chmod(stat.S_IRWXU)
        with os.scandir(each) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                else:
                    Path(entry.path).unlink()
    for each in reversed(folders):
        each.rmdir()
