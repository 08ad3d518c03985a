"""The manifest: where each file of a version lies. JSON lines, sorted by path: a file or an empty folder a line.

A file's line is its path, size, SHA-256, object and offset; then whether it is executable and when it was last
modified, where either is known. The line of an empty folder is its path alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import InvalidInput
from grid_datastores.domain.model import FileEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Control characters, the separator of other systems, halves of a character, and parts that are empty, "." or "..".
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]|(?:\A|/)\.{0,2}(?:/|\Z)")
LONGEST_PATH = 1024  # bytes in UTF-8, as S3 keys
LONGEST_NAME = 255  # bytes in UTF-8: what ordinary disks take for one part of a path
_TIMES = range(-(2**63), 2**63)  # nanoseconds


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of one version and its empty folders, each sorted by path, no path twice."""

    files: tuple[FileEntry, ...]
    folders: tuple[str, ...] = ()

    @classmethod
    def of(cls, files: Iterable[FileEntry], folders: Iterable[str] = ()) -> Manifest:
        """The manifest of a new version (rule version-complete).

        Raises `InvalidInput` for a path that is unsafe, too long, there twice, or file and folder at once. A folder
        with something in it is left out: the paths below it imply it.
        """
        made = cls._sorted(files, folders)
        for path in made._paths():
            check_path(path)
        return made

    @classmethod
    def _sorted(cls, files: Iterable[FileEntry], folders: Iterable[str]) -> Manifest:
        ordered = tuple(sorted(files, key=lambda file: file.path))
        paths, wanted = {file.path for file in ordered}, set(folders)
        if len(paths) != len(ordered):
            raise InvalidInput("The same file is there twice.")
        parents = {parent for path in (*paths, *wanted) for parent in _parents(path)}
        if both := paths & (parents | wanted):
            raise InvalidInput(f"{min(both)!r} is both a file and a folder.")
        return cls(ordered, tuple(sorted(wanted - parents)))

    def _paths(self) -> Iterator[str]:
        yield from (file.path for file in self.files)
        yield from self.folders

    @property
    def size_bytes(self) -> int:
        """The bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def fingerprint(self) -> str:
        """The digest of the sorted paths, sizes and contents, as SHA-256 in hexadecimal; nothing else counts."""
        digest = sha256()
        for file in self.files:
            digest.update(f"{json.dumps(file.path)} {file.size} {file.sha256}\n".encode())
        return digest.hexdigest()

    def encode(self) -> bytes:
        """As it is stored and sent."""
        rows = [*map(_row, self.files), *([folder] for folder in self.folders)]
        return "".join(json.dumps(row) + "\n" for row in rows).encode()

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """What `encode` made, also in an earlier release, whose names may be longer than those of new versions.

        Raises `InvalidInput` for what is not a manifest, or holds an unsafe path; it may come from outside.
        """
        rows = list(_read(data.splitlines()))
        folders = [row for row in rows if isinstance(row, str)]
        return cls._sorted((row for row in rows if isinstance(row, FileEntry)), folders)


def read_files(chunks: Iterable[bytes]) -> Iterator[FileEntry]:
    """The files of an encoded manifest while it arrives; raises `InvalidInput` as `Manifest.decode` does."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (row for row in _read(lines) if isinstance(row, FileEntry))
    if rest:
        yield from (row for row in _read([rest]) if isinstance(row, FileEntry))


def check_path(path: str) -> str:
    """The path itself, if a new version can have it: safe, and not too long for an ordinary disk."""
    check_safe(path)
    if 4 * len(path) <= LONGEST_NAME:  # a character has at most four bytes
        return path
    longest = max(path.split("/"), key=lambda name: len(name.encode()))
    if (size := len(longest.encode())) > LONGEST_NAME:
        raise InvalidInput(
            f"{_shown(longest)} is too long for a name: it has {size} bytes, and disks take {LONGEST_NAME}. Rename it."
        )
    if (size := len(path.encode())) > LONGEST_PATH:
        raise InvalidInput(
            f"{_shown(path)} is too long for a path inside a version: it has {size:,} bytes,"
            f" and {LONGEST_PATH:,} are allowed."
        )
    return path


def check_safe(path: str) -> str:
    """The path itself, if it is relative, without "." or "..", and safe to create below any folder."""
    if _UNSAFE.search(path):
        raise InvalidInput(f"{_shown(path)} is not a file's path inside a version: it must be relative and plain.")
    return path


def _shown(path: str) -> str:
    return repr(path if len(path) <= 60 else f"{path[:60]}…")


def _parents(path: str) -> Iterator[str]:
    end = path.rfind("/")
    while end > 0:
        yield path[:end]
        end = path.rfind("/", 0, end)


def _row(file: FileEntry) -> list[object]:
    row: list[object] = [file.path, file.size, file.sha256, file.object, file.offset]
    return row if not file.executable and file.modified is None else [*row, file.executable, file.modified]


def _read(lines: list[bytes]) -> Iterator[FileEntry | str]:
    """The file of each line, or the path of its empty folder. Raises `InvalidInput`."""
    try:
        rows = json.loads(b",".join(lines).join([b"[", b"]"]).decode())  # much faster than line by line
        if len(rows) != len(lines):
            raise ValueError(rows)
        for row in rows:
            match row:
                case [str(folder)]:
                    yield check_safe(folder)
                case _:
                    yield _entry(row)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(
            "That is not a manifest: every line holds a path, size, SHA-256, object and offset."
        ) from error


def _entry(row: object) -> FileEntry:
    match row:
        case [str(path), int(size), str(digest), str(name), int(offset), *more] if _count(size) and _count(offset):
            return FileEntry(check_safe(path), size, digest, name, offset, *_attributes(more))
    raise ValueError(row)


def _attributes(more: list[object]) -> tuple[bool, int | None]:
    """Whether the file is executable, and its time, as far as a manifest says."""
    match more:
        case []:
            return False, None
        case [bool(executable), int() | None as modified] if _time(modified):
            return executable, modified
    raise ValueError(more)


def _count(value: int) -> bool:
    return value >= 0 and not isinstance(value, bool)


def _time(value: int | None) -> bool:
    return value is None or (value in _TIMES and not isinstance(value, bool))
