"""Journals of uploads in progress, so that an interrupted upload can be resumed (rule upload-resumed).

Each upload has one file of JSON lines: a header with the version and its files as they were scanned, then one line for
each stored object. An object's line is written after the object is durable, so the journal never lists a missing one.
Without a server, the header is written before the version exists. If it then gets another number, a line says so.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import NoSpace, SourceFailed
from grid_datastores.domain.model import FileEntry, VersionRef
from grid_datastores.domain.text import os_reason
from grid_datastores.system.file_locks import try_lock, wait_for_lock
from grid_datastores.system.files import append_durably, is_disk_full

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from grid_datastores.domain.model import Place, Version
    from grid_datastores.sources import LocalSource

_FOLDER = "uploads"
_LOCK_TIMEOUT = 10.0  # seconds
_COLUMNS_WITHOUT_ATTRIBUTES = 4  # of a file's row in journals of earlier releases


@dataclass(slots=True)
class Journal:
    """The journal of one upload: its source, its version, and the stored objects.

    While a process works on the upload, it keeps the journal's file open and locked.
    """

    path: Path
    place_id: str  # in journals of earlier releases: the address or the folder
    place_name: str  # for messages
    version_id: str
    ref: VersionRef
    location: str
    files: list[list[object]]  # path, size in bytes, modification time
    lock_descriptor: int
    objects: dict[str, list[FileEntry]] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Return the size of all files in bytes."""
        return sum(size for _path, size, _changed in self.files if isinstance(size, int))

    @property
    def stored_bytes(self) -> int:
        """Return the size in bytes of the files in stored objects."""
        return sum(entry.size for entries in self.objects.values() for entry in entries)

    def record(self, name: str, entries: Sequence[FileEntry]) -> None:
        """Record durably that this object is stored and contains these files."""
        self.objects[name] = list(entries)
        rows = [
            [entry.path, entry.size, entry.sha256, entry.offset, entry.executable, entry.modified] for entry in entries
        ]
        _append(self.path, {"object": name, "files": rows})

    def check(self) -> None:
        """Raise `ValueError` if a stored file is none of the upload's files."""
        paths = {path for path, _size, _changed in self.files}
        if not all(entry.path in paths for entries in self.objects.values() for entry in entries):
            raise ValueError(self.path)

    def renumber(self, ref: VersionRef) -> None:
        """Record the number, if another version took the planned one. Without it, the version is found by its id."""
        if ref != self.ref:
            self.ref = ref
            _append(self.path, {"number": ref.number})

    def same_files(self, data: LocalSource) -> bool:
        """Return whether the files have the same paths, sizes and times as when the upload began."""
        return self.files == _file_rows(data)

    def delete(self) -> None:
        """Delete the journal and release its lock, because the upload is finished or discarded."""
        self.path.unlink(missing_ok=True)
        os.close(self.lock_descriptor)


@dataclass(frozen=True, slots=True)
class InterruptedUploads:
    """The interrupted uploads of this machine, oldest first, and the number of uploads in progress.

    `elsewhere` has the uploads to other places or of other users.
    """

    journals: Sequence[Journal] = ()
    elsewhere: Sequence[Journal] = ()
    in_progress: int = 0


def begin_journal(directory: Path, place: Place, version: Version, data: LocalSource) -> Journal:
    """Create and lock the journal of a new upload below the settings directory. Raises `SourceFailed` and `NoSpace`."""
    path = directory / _FOLDER / f"{version.id}.jsonl"
    location, files = data.source.location, _file_rows(data)
    header = {
        "place": place.id,
        "words": place.description,
        "version": version.id,
        "name": version.ref.name,
        "number": version.ref.number,
        "location": location,
        "files": files,
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o600)
        try:
            wait_for_lock(descriptor, _LOCK_TIMEOUT)  # another command may hold it briefly, in `find_interrupted`
            _append(path, header)
        except BaseException:
            path.unlink(missing_ok=True)
            os.close(descriptor)
            raise
    except OSError as error:
        if is_disk_full(error):
            raise NoSpace(f"There is no space left for {path}. Nothing was stored. Free space, then retry.") from error
        raise SourceFailed(f"{path} cannot be written: {os_reason(error)}.") from error
    return Journal(path, place.id, place.description, version.id, version.ref, location, files, descriptor)


def find_interrupted(directory: Path, identity: Callable[[], Place]) -> InterruptedUploads:
    """Return the interrupted uploads of this machine. Ignores damaged journals.

    The journals to the place of `identity` stay locked, so that no other process resumes them. Calls `identity`, which
    can send a request, only if there is a journal.
    """
    paths = sorted(_journal_paths(directory / _FOLDER), key=_modified_at)
    if not paths:
        return InterruptedUploads()
    place = identity()
    journals: list[Journal] = []
    elsewhere: list[Journal] = []
    in_progress = 0
    for path in paths:
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY)
            if not try_lock(descriptor):
                in_progress += 1
                os.close(descriptor)
            elif (journal := _read(path, descriptor)) is not None and _belongs_to(journal, place):
                journals.append(journal)
            else:
                os.close(descriptor)
                elsewhere += [journal] if journal else []
    return InterruptedUploads(journals, elsewhere, in_progress)


def count_journals(directory: Path) -> int:
    """Return the number of journals on this machine, for all places and users."""
    return len(_journal_paths(directory / _FOLDER))


def _belongs_to(journal: Journal, place: Place) -> bool:
    """Return whether the upload went to this place.

    Journals of earlier releases have the server's address, or "this machine (FOLDER)", instead of an id.
    """
    return journal.place_id == place.id or journal.place_id.partition(" (")[0] in place.former_ids


def _journal_paths(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix == ".jsonl"]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SourceFailed(f"{folder} cannot be read: {os_reason(error)}.") from error


def _modified_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process has just finished this upload
        return 0


def _read(path: Path, lock_descriptor: int) -> Journal | None:
    """Return the journal, or None if it is damaged. Ignores a last line that was not completely written."""
    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.endswith("}")]
        head, *rows = lines
        journal = Journal(
            path,
            str(head["place"]),
            str(head.get("words", head["place"])),
            str(head["version"]),
            VersionRef(str(head["name"]), int(head["number"])),
            str(head["location"]),
            head["files"],
            lock_descriptor,
        )
        for row in rows:
            if "number" in row:
                journal.ref = VersionRef(journal.ref.name, int(row["number"]))
                continue
            name = str(row["object"])
            journal.objects[name] = [
                FileEntry(
                    str(file),
                    _number(size),
                    str(digest),
                    name,
                    _number(offset),
                    executable is True,
                    _optional_number(modified),
                )
                for file, size, digest, offset, executable, modified in map(_with_attributes, row["files"])
            ]
        journal.check()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return journal


def _with_attributes(row: list[object]) -> list[object]:
    """Return a file's row with its attributes. `resume` reads missing ones, of earlier releases, from the file."""
    return row if len(row) > _COLUMNS_WITHOUT_ATTRIBUTES else [*row, False, None]


def _number(value: object) -> int:
    if isinstance(value, int):
        return value
    raise TypeError(value)


def _optional_number(value: object) -> int | None:
    return None if value is None else _number(value)


def _append(path: Path, row: object) -> None:
    append_durably(path, f"{json.dumps(row)}\n".encode())


def _file_rows(data: LocalSource) -> list[list[object]]:
    return [[file.path, file.size, file.modified] for file in data.files]
