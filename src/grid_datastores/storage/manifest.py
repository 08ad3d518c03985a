"""The manifest, which says in which object each file of a version is stored.

It consists of JSON lines, sorted by path. A file's line has its path, size, SHA-256, object and offset. If either is
known, the line also has whether the file is executable, and its modification time. An empty folder's line has only its
path.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, pairwise
from json.encoder import encode_basestring_ascii as quote
from sys import intern
from types import NoneType
from typing import TYPE_CHECKING, Any

from grid_datastores.domain.errors import InvalidInput
from grid_datastores.domain.model import FileEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Control characters, backslashes, unpaired surrogates, and parts that are empty, "." or "..".
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]|(?:\A|/)\.{0,2}(?:/|\Z)")
# The same for paths that are lines of one text.
_UNSAFE_LINE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\\\ud800-\udfff]|(?:^|/)\.{0,2}(?:/|$)", re.MULTILINE)
MAX_PATH_LENGTH = 1024  # bytes in UTF-8, the same as for S3 keys
MAX_NAME_LENGTH = 255  # bytes in UTF-8, the limit of common file systems for one part of a path
_VALID_TIMES = range(-(2**63), 2**63)  # nanoseconds
_DECODED = 1024 * 1024  # bytes; decoded JSON takes ten times as much memory. No line is longer.
_NO_MANIFEST = "This is not a manifest. Each line must have a path, size, SHA-256, object and offset."
_PLAIN = (str, int, str, str, int)  # the values of a file's line; a bool is no int here
_FOLDER = (str,)
_WITH_ATTRIBUTES = (*_PLAIN, bool, int)
_TYPES = frozenset({_PLAIN, _WITH_ATTRIBUTES, (*_PLAIN, bool, NoneType)})


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of one version and its empty folders, both sorted by path and without duplicates."""

    files: tuple[FileEntry, ...]
    folders: tuple[str, ...] = ()

    @classmethod
    def of(cls, files: Iterable[FileEntry], folders: Iterable[str] = ()) -> Manifest:
        """Return the manifest of a new version (rule version-complete).

        Raises `InvalidInput` for a path that is unsafe, too long, used twice, or both a file and a folder. Folders that
        are not empty are omitted, because the paths of their files imply them.
        """
        manifest = cls._sorted(files, folders)
        check_paths([*manifest._paths()])
        return manifest

    @classmethod
    def _sorted(cls, files: Iterable[FileEntry], folders: Iterable[str]) -> Manifest:
        ordered = tuple(sorted(files, key=lambda file: file.path))
        paths, folder_paths = {file.path for file in ordered}, set(folders)
        if len(paths) != len(ordered):
            duplicate = next(first.path for first, second in pairwise(ordered) if first.path == second.path)
            raise InvalidInput(f"Two files have the same path: {_quoted(duplicate)}.")
        parents = _parents(chain(paths, folder_paths))
        if both := paths & (parents | folder_paths):
            raise InvalidInput(f"{min(both)!r} is both a file and a folder.")
        return cls(ordered, tuple(sorted(folder_paths - parents)))

    def _paths(self) -> Iterator[str]:
        yield from (file.path for file in self.files)
        yield from self.folders

    @property
    def size_bytes(self) -> int:
        """Return the size of all files in bytes."""
        return sum(file.size for file in self.files)

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the sorted paths, sizes and contents in hexadecimal. Attributes are not included."""
        return fingerprint_of(self.files)

    def encode(self) -> bytes:
        """Return the manifest in its stored format. See this module's docstring."""
        return "".join([*map(_line, self.files), *(f"[{quote(folder)}]\n" for folder in self.folders)]).encode()

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Return the manifest that `encode` made, in this release or an earlier one.

        Raises `InvalidInput` if the data is not a manifest or contains an unsafe path, because a client may have sent
        it. Long paths are allowed, because earlier releases did not limit them.
        """
        return cls.decode_chunks([data])

    @classmethod
    def decode_chunks(cls, chunks: Iterable[bytes]) -> Manifest:
        """Return the same from pieces of the data. Needs little memory besides the manifest."""
        files: list[FileEntry] = []
        folders: list[str] = []
        for row in _read_rows(chunks):
            if isinstance(row, str):
                folders.append(row)
            else:
                files.append(row)
        return cls._sorted(files, folders)


def fingerprint_of(files: Iterable[FileEntry]) -> str:
    """Return the fingerprint of these files, which must be sorted by path. See `Manifest.fingerprint`."""
    digest = sha256()
    for file in files:
        digest.update(f"{quote(file.path)} {file.size} {file.sha256}\n".encode())
    return digest.hexdigest()


def read_files(chunks: Iterable[bytes]) -> Iterator[FileEntry]:
    """Yield the files of an encoded manifest while it arrives. Raises `InvalidInput` like `Manifest.decode`."""
    return (row for row in _read_rows(chunks) if isinstance(row, FileEntry))


def _read_rows(chunks: Iterable[bytes]) -> Iterator[FileEntry | str]:
    """Yield each file, and the path of each empty folder. Decodes at most `_DECODED` bytes at a time."""
    rest = b""
    for chunk in chunks:
        for start in range(0, len(chunk), _DECODED):
            *lines, rest = (rest + chunk[start : start + _DECODED]).split(b"\n")
            yield from _parse_lines(lines)
            if len(rest) > _DECODED:
                raise InvalidInput(_NO_MANIFEST)
    if rest:
        yield from _parse_lines([rest])


def check_paths(paths: list[str]) -> None:
    """Check the paths of a new version. Raises `InvalidInput` for the first that `check_path` refuses."""
    if not are_plain(paths):
        deque(map(check_path, paths), maxlen=0)


def are_plain(paths: list[str]) -> bool:
    """Return True if `check_path` accepts each of the paths. It may accept them all even if this returns False."""
    return are_safe(paths) and 4 * max(map(len, paths), default=0) <= MAX_NAME_LENGTH


def are_safe(paths: list[str]) -> bool:
    """Return whether `check_safe` accepts each of the paths."""
    lines = "\n".join(paths)
    return not paths or (lines.count("\n") == len(paths) - 1 and not _UNSAFE_LINE.search(lines))


def check_path(path: str) -> str:
    """Return the path if it is safe and not too long for a new version. Raises `InvalidInput`."""
    check_safe(path)
    if 4 * len(path) <= MAX_NAME_LENGTH:  # a character has at most four bytes
        return path
    longest = max(path.split("/"), key=lambda name: len(name.encode()))
    if (size := len(longest.encode())) > MAX_NAME_LENGTH:
        raise InvalidInput(
            f"{_quoted(longest)} is too long for a name: it has {size} bytes. At most {MAX_NAME_LENGTH} are allowed."
            " Rename it."
        )
    if (size := len(path.encode())) > MAX_PATH_LENGTH:
        raise InvalidInput(
            f"{_quoted(path)} is too long for a path in a version: it has {size:,} bytes."
            f" At most {MAX_PATH_LENGTH:,} are allowed."
        )
    return path


def check_safe(path: str) -> str:
    """Return the path if it can safely be created below any folder. Raises `InvalidInput`."""
    if _UNSAFE.search(path):
        raise InvalidInput(
            f"{_quoted(path)} is not a valid path in a version."
            " A path must be relative, without empty parts, '.', '..', backslashes and control characters."
        )
    return path


def _quoted(path: str) -> str:
    return repr(path if len(path) <= 60 else f"{path[:60]}…")


def _parents(paths: Iterable[str]) -> set[str]:
    """Return the folders that contain these paths. A folder's own parents are found once."""
    found: set[str] = set()
    for path in paths:
        end = path.rfind("/")
        while end > 0 and (parent := path[:end]) not in found:
            found.add(parent)
            end = path.rfind("/", 0, end)
    return found


def _line(file: FileEntry) -> str:
    """Return what `json.dumps` would return, with a newline. It takes three times as long."""
    path, size, digest, name, offset, executable, modified = file
    line = f"[{quote(path)}, {size}, {quote(digest)}, {quote(name)}, {offset}"
    if not executable and modified is None:
        return f"{line}]\n"
    return f"{line}, {'true' if executable else 'false'}, {'null' if modified is None else modified}]\n"


def _parse_lines(lines: list[bytes]) -> Iterator[FileEntry | str]:
    """Yield each line's file, or its path if it is an empty folder. Raises `InvalidInput`."""
    try:
        rows = json.loads(b",".join(lines).join([b"[", b"]"]).decode())  # much faster than decoding each line
        if len(rows) != len(lines):
            raise ValueError(rows)
        paths = [row[0] for row in rows]
        if not are_safe(paths):
            deque(map(check_safe, paths), maxlen=0)
        files = _parse_alike(rows)
        yield from map(_parse_row, rows) if files is None else files
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise InvalidInput(_NO_MANIFEST) from error


def _parse_alike(rows: list[list[Any]]) -> Iterable[FileEntry] | None:
    """Return the files of these rows if all have attributes and the usual types. Checks them by column, not one by one.

    Otherwise, return None: `_parse_row` knows why.
    """
    if set(map(type, rows)) != {list} or set(map(len, rows)) != {len(_PLAIN) + 2}:
        return None
    columns = list(zip(*rows, strict=True))
    paths, sizes, digests, names, offsets, executable, modified = columns
    are_usual = all(set(map(type, column)) == {kind} for column, kind in zip(columns, _WITH_ATTRIBUTES, strict=True))
    if are_usual and min(sizes) >= 0 and min(offsets) >= 0 and all(map(_VALID_TIMES.__contains__, modified)):
        return map(FileEntry, paths, sizes, digests, map(intern, names), offsets, executable, modified)
    return None


def _parse_row(row: object) -> FileEntry | str:
    """Return a line's file or folder. Compares types instead of patterns: a version may have 100,000 files."""
    if not isinstance(row, list):
        raise TypeError(row)
    types = tuple(map(type, row))
    if types in _TYPES:
        modified = row[6] if len(row) > len(_PLAIN) else None
        if row[1] >= 0 and row[4] >= 0 and (modified is None or modified in _VALID_TIMES):
            row[3] = intern(row[3])  # many files, few objects
            return FileEntry(*row)
    elif types == _FOLDER:
        return str(row[0])
    raise ValueError(row)
