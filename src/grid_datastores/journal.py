"""Journals: what this machine knows of uploads under way, so that an interrupted one can go on (rule upload-resumed).

One file an upload, JSON lines: a header with the version and the files as they were scanned, then a line an object
that has arrived. A line is written after its object is safe, so a journal never promises too much.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grid_datastores.errors import SourceFailed
from grid_datastores.locks import locked
from grid_datastores.model import FileEntry, VersionRef

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from grid_datastores.model import Version
    from grid_datastores.sources import LocalSource

_FOLDER = "uploads"


@dataclass(slots=True)
class Journal:
    """One upload under way: from where, into which version, and the objects that have arrived."""

    path: Path
    place: str
    version_id: str
    ref: VersionRef
    location: str
    files: list[list[object]]
    held: int  # the open file, locked: whose process is there goes on with it, nobody else
    objects: dict[str, list[FileEntry]] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """The bytes of all files."""
        return sum(size for _path, size, _changed in self.files if isinstance(size, int))

    def record(self, name: str, entries: Sequence[FileEntry]) -> None:
        """This object has arrived, with these files."""
        self.objects[name] = list(entries)
        rows = [
            [entry.path, entry.size, entry.sha256, entry.offset, entry.executable, entry.modified] for entry in entries
        ]
        _append(self.path, {"object": name, "files": rows})

    def same_files(self, data: LocalSource) -> bool:
        """Whether the files are still as they were when the upload began."""
        return self.files == _scanned(data)

    def forget(self) -> None:
        """The upload is finished, or given up."""
        self.path.unlink(missing_ok=True)
        os.close(self.held)


def begin_journal(directory: Path, place: str, version: Version, data: LocalSource) -> Journal:
    """A journal of a new upload, below the settings' directory."""
    path = directory / _FOLDER / f"{version.id}.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = os.open(path, os.O_RDONLY | os.O_CREAT, 0o600)
        locked(held)
        journal = Journal(path, place, version.id, version.ref, data.source.location, _scanned(data), held)
        _append(
            path,
            {
                "place": place,
                "version": version.id,
                "name": version.ref.name,
                "number": version.ref.number,
                "location": journal.location,
                "files": journal.files,
            },
        )
    except OSError as error:
        raise SourceFailed(f"{path} cannot be written: {(error.strerror or str(error)).lower()}.") from error
    return journal


def interrupted(directory: Path, place: str) -> tuple[list[Journal], int]:
    """The uploads to this place that were interrupted, oldest first, and how many another process is working on.

    From now on nobody else goes on with them. Damaged journals are left out.
    """
    found, busy = [], 0
    for path in sorted(_journals(directory / _FOLDER), key=_changed):
        with suppress(FileNotFoundError):
            held = os.open(path, os.O_RDONLY)
            if not locked(held):
                busy += 1
                os.close(held)
            elif (journal := _read(path, held)) is not None and journal.place == place:
                found.append(journal)
            else:
                os.close(held)
    return found, busy


def _journals(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix == ".jsonl"]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SourceFailed(f"{folder} cannot be read: {(error.strerror or str(error)).lower()}.") from error


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # finished meanwhile
        return 0


def _read(path: Path, held: int) -> Journal | None:
    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.endswith("}")]
        head, *rows = lines
        journal = Journal(
            path,
            str(head["place"]),
            str(head["version"]),
            VersionRef(str(head["name"]), int(head["number"])),
            str(head["location"]),
            head["files"],
            held,
        )
        for row in rows:
            name = str(row["object"])
            journal.objects[name] = [
                FileEntry(str(file), int(size), str(digest), name, int(offset), executable is True, _whole(modified))
                for file, size, digest, offset, executable, modified in row["files"]
            ]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return journal


def _whole(value: object) -> int | None:
    if value is None or isinstance(value, int):
        return value
    raise TypeError(value)


def _append(path: Path, row: object) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _scanned(data: LocalSource) -> list[list[object]]:
    return [[file.path, file.size, file.modified] for file in data.files]
