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

from grid_datastores.domain.errors import SourceFailed
from grid_datastores.domain.model import FileEntry, VersionRef
from grid_datastores.domain.text import os_reason
from grid_datastores.system.file_locks import lock, locked
from grid_datastores.system.files import append_durably

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from grid_datastores.domain.model import Place, Version
    from grid_datastores.sources import LocalSource

_FOLDER = "uploads"
_OLD_ROW = 4  # columns


@dataclass(slots=True)
class Journal:
    """One upload under way: from where, into which version, and the objects that have arrived."""

    path: Path
    place: str  # the id of the place, or how an earlier release named it
    words: str  # the place, for people
    version_id: str
    ref: VersionRef
    location: str
    files: list[list[object]]
    held: int  # the open file, locked by the process that works on the upload
    objects: dict[str, list[FileEntry]] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """The bytes of all files."""
        return sum(size for _path, size, _changed in self.files if isinstance(size, int))

    @property
    def arrived_bytes(self) -> int:
        """The bytes of the files that have arrived."""
        return sum(entry.size for entries in self.objects.values() for entry in entries)

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


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The interrupted uploads to one place, oldest first; those to other places; how many others are under way."""

    journals: Sequence[Journal] = ()
    elsewhere: Sequence[Journal] = ()
    busy: int = 0


def begin_journal(directory: Path, place: Place, version: Version, data: LocalSource) -> Journal:
    """A journal of a new upload, below the settings' directory."""
    path = directory / _FOLDER / f"{version.id}.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = os.open(path, os.O_RDONLY | os.O_CREAT, 0o600)
        lock(held)  # another command may be looking at it
        location = data.source.location
        journal = Journal(path, place.id, place.words, version.id, version.ref, location, _scanned(data), held)
        _append(
            path,
            {
                "place": journal.place,
                "words": journal.words,
                "version": version.id,
                "name": version.ref.name,
                "number": version.ref.number,
                "location": journal.location,
                "files": journal.files,
            },
        )
    except OSError as error:
        raise SourceFailed(f"{path} cannot be written: {os_reason(error)}.") from error
    return journal


def interrupted(directory: Path, identity: Callable[[], Place]) -> Interrupted:
    """The uploads that were interrupted on this machine. Until they are closed, nobody else goes on with those here.

    The place is asked for its identity only where there is an upload. Damaged journals are left out.
    """
    paths = sorted(_journals(directory / _FOLDER), key=_changed)
    if not paths:
        return Interrupted()
    place = identity()
    here: list[Journal] = []
    elsewhere: list[Journal] = []
    busy = 0
    for path in paths:
        with suppress(FileNotFoundError):
            held = os.open(path, os.O_RDONLY)
            if not locked(held):
                busy += 1
                os.close(held)
            elif (journal := _read(path, held)) is not None and _is_at(journal, place):
                here.append(journal)
            else:
                os.close(held)
                elsewhere += [journal] if journal else []
    return Interrupted(here, elsewhere, busy)


def count_journals(directory: Path) -> int:
    """How many uploads have a journal on this machine, to whatever place."""
    return len(_journals(directory / _FOLDER))


def _is_at(journal: Journal, place: Place) -> bool:
    """An earlier release named a place by its address, or by the path of a folder: that of this machine is this one."""
    return journal.place == place.id or journal.place.partition(" (")[0] in place.earlier


def _journals(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix == ".jsonl"]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SourceFailed(f"{folder} cannot be read: {os_reason(error)}.") from error


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
            str(head.get("words", head["place"])),
            str(head["version"]),
            VersionRef(str(head["name"]), int(head["number"])),
            str(head["location"]),
            head["files"],
            held,
        )
        for row in rows:
            name = str(row["object"])
            journal.objects[name] = [
                FileEntry(
                    str(file), _number(size), str(digest), name, _number(offset), executable is True, _whole(modified)
                )
                for file, size, digest, offset, executable, modified in map(_attributed, row["files"])
            ]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return journal


def _attributed(row: list[object]) -> list[object]:
    """The row of a file; an earlier release kept no attributes, and `resume` looks at the file again."""
    return row if len(row) > _OLD_ROW else [*row, False, None]


def _number(value: object) -> int:
    if isinstance(value, int):
        return value
    raise TypeError(value)


def _whole(value: object) -> int | None:
    return None if value is None else _number(value)


def _append(path: Path, row: object) -> None:
    append_durably(path, f"{json.dumps(row)}\n".encode())


def _scanned(data: LocalSource) -> list[list[object]]:
    return [[file.path, file.size, file.modified] for file in data.files]
