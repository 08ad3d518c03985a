"""The manifest: where each file of a version lies. JSON lines, one file a line, sorted by path."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from grid_datastores.errors import InvalidInput
from grid_datastores.model import FileEntry

if TYPE_CHECKING:
    from collections.abc import Iterable

_CONTROL = dict.fromkeys(range(32)) | {127: None}
LONGEST_PATH = 1024  # characters, as S3 keys


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of one version, sorted by path, no path twice."""

    files: tuple[FileEntry, ...]

    @classmethod
    def of(cls, files: Iterable[FileEntry]) -> Manifest:
        """Sorted; raises `InvalidInput` for a path that is unsafe, there twice, or file and folder at once."""
        ordered = tuple(sorted(files, key=lambda file: file.path))
        paths = {file.path for file in ordered}
        if len(paths) != len(ordered):
            raise InvalidInput("The same file is there twice.")
        for path in paths:
            check_path(path)
            parts = path.split("/")
            folders = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
            if folder := next((folder for folder in folders if folder in paths), None):
                raise InvalidInput(f"{folder!r} is both a file and a folder.")
        return cls(ordered)

    @property
    def size_bytes(self) -> int:
        """The bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def fingerprint(self) -> str:
        """The digest of the sorted paths, sizes and contents, as SHA-256 in hexadecimal."""
        digest = sha256()
        for file in self.files:
            digest.update(f"{json.dumps(file.path)} {file.size} {file.sha256}\n".encode())
        return digest.hexdigest()

    def encode(self) -> bytes:
        """As it is stored and sent."""
        return "".join(
            json.dumps([file.path, file.size, file.sha256, file.object, file.offset]) + "\n" for file in self.files
        ).encode()

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Raises `InvalidInput` for what is not a manifest; it may come from outside."""
        try:
            rows = [json.loads(line) for line in data.decode().splitlines()]
            return cls.of(_entry(row) for row in rows)
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidInput(
                "That is not a manifest: every line holds a path, size, SHA-256, object and offset."
            ) from error


def check_path(path: str) -> str:
    """The path itself, if it is relative, without "." or "..", and safe to create below any folder."""
    parts = path.split("/")
    if (
        not path
        or len(path) > LONGEST_PATH
        or "\\" in path
        or path != path.translate(_CONTROL)
        or any("\ud800" <= char <= "\udfff" for char in path)  # half a character: no disk takes it
        or any(part in ("", ".", "..") for part in parts)
    ):
        raise InvalidInput(f"{path[:60]!r} is not a file's path inside a version: it must be relative and plain.")
    return path


def _entry(row: object) -> FileEntry:
    match row:
        case [str(path), int(size), str(digest), str(name), int(offset)] if _count(size) and _count(offset):
            return FileEntry(path, size, digest, name, offset)
    raise ValueError(row)


def _count(value: int) -> bool:
    return value >= 0 and not isinstance(value, bool)
