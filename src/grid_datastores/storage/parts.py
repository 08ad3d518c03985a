"""The parts of an upload in the folder of its version, until they are assembled.

Parts of equal size are written at their offsets into one file, which becomes the object as it is. The names of files
say what is stored, where UPLOAD is the upload's id, N the part's number, and MD5 its ETag:

- `part-UPLOAD-N.MD5` contains a part. The names of earlier releases have no MD5.
- `parts-UPLOAD.UNIT` contains parts of UNIT bytes at their offsets. The last part can be shorter.
- `part-UPLOAD-N.MD5.SIZE.UNIT` is empty. It records that this file contains the part, which has SIZE bytes.

The bytes of a recorded part never change. If it is sent again, a file of its own takes it.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import md5, sha256
from threading import Lock
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import InvalidInput
from grid_datastores.storage.packing import CHUNK
from grid_datastores.system.file_locks import is_same_file, try_range_lock
from grid_datastores.system.files import sync_file, temporary_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from grid_datastores.storage.protocol import Guard

_READ_ONLY = 0o444
_WRITABLE = 0o600
_MAX_PREFIXES = 1000
_MAX_AT_ONCE = 4  # parts
_ETAG = re.compile(r"[0-9a-f]{32}")
_STORED = re.compile(r"part-(\w+)-(\d+)(?:\.([0-9a-f]{32})(?:\.(\d+)\.(\d+))?)?")


class PartWriter:
    """Receives the bytes of one part. It is stored in a file with others if `unit` is not 0."""

    def __init__(self, write: Callable[[bytes], object], unit: int = 0) -> None:
        self.unit = unit
        self._write = write
        self._digest = md5(usedforsecurity=False)

    def write(self, data: bytes, /) -> None:
        """Append these bytes."""
        self._write(data)
        self._digest.update(data)

    @property
    def etag(self) -> str:
        """The ETag of what was written."""
        return self._digest.hexdigest()


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that is completely stored. `size` and `unit` are known if it is in a file with others."""

    path: Path
    upload_id: str
    number: int
    known_etag: str | None
    size: int
    unit: int

    @property
    def etag(self) -> str:
        """The ETag, or "" if the part was erased meanwhile. That of a part of an earlier release has to be computed."""
        if self.known_etag is not None:
            return self.known_etag
        digest = md5(usedforsecurity=False)
        with suppress(FileNotFoundError):
            for chunk in self.chunks():
                digest.update(chunk)
            return digest.hexdigest()
        return ""

    def chunks(self) -> Iterator[bytes]:
        """Yield the content."""
        if not self.unit:
            with self.path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk
            return
        with _shared_path(self.path.parent, self.upload_id, self.unit).open("rb") as file:
            yield from _range(file.fileno(), (self.number - 1) * self.unit, self.size)


def stored_in(folder: Path) -> Iterator[StoredPart]:
    """Yield all parts in the folder of a version. The same part can be stored twice, with different ETags."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.startswith("part-")]
    for name in names:
        if found := _STORED.fullmatch(name):
            upload_id, number, etag, size, unit = found.groups()
            yield StoredPart(folder / name, upload_id, int(number), etag, int(size or 0), int(unit or 0))


def find_parts(folder: Path, upload_id: str, etags: Sequence[str]) -> list[StoredPart | None]:
    """Return the parts with these ETags, in order, with None for a part that is missing.

    Does not read the folder for an upload of one part: there can be very many of them.
    """
    if len(etags) == 1:
        single = (StoredPart(path, upload_id, 1, etag, 0, 0) for path, etag in _single(folder, upload_id, etags[0]))
        stored = [part for part in single if part.path.exists()]
    else:
        stored = [part for part in stored_in(folder) if part.upload_id == upload_id]
    return [
        next((part for part in stored if part.number == number and part.etag == etag), None)
        for number, etag in enumerate(etags, 1)
    ]


def shared_file(parts: Sequence[StoredPart]) -> Path | None:
    """Return the file that contains all parts of an upload, with its final size and permissions, or None."""
    if not parts[0].unit:
        return None
    folder, upload_id, unit = parts[0].path.parent, parts[0].upload_id, parts[0].unit
    if any(part.unit != unit for part in parts) or any(part.size != unit for part in parts[:-1]):
        return None
    path, size = _shared_path(folder, upload_id, unit), (len(parts) - 1) * unit + parts[-1].size
    if path.stat().st_size > size:  # a longer last part was begun, but never stored
        os.truncate(path, size)
    path.chmod(_READ_ONLY)
    return path


def discard_parts(folder: Path, upload_id: str, etags: Sequence[str]) -> None:
    """Erase the parts of an upload: the files that parts share first, so that a late part finds none. See `_claim`."""
    if len(etags) == 1:
        paths = [path for path, _etag in _single(folder, upload_id, etags[0])]
    else:
        records = [part.path for part in stored_in(folder) if part.upload_id == upload_id]
        paths = [*_shared_files(folder, upload_id).values(), *records]
    for path in paths:
        path.unlink(missing_ok=True)


def _single(folder: Path, upload_id: str, etag: str) -> Iterator[tuple[Path, str | None]]:
    """Yield where the only part of an upload can be stored, with its ETag if the name has it."""
    if _ETAG.fullmatch(etag):  # a client has sent it
        yield folder / _own_name(upload_id, 1, etag), etag
    yield folder / _own_name(upload_id, 1, None), None


@contextmanager
def new_part(
    folder: Path, upload_id: str, number: int, count: int, size: int | None, guard: Guard
) -> Iterator[PartWriter]:
    """Open part `number` of `count` for writing. It is stored when the context ends; its name is not yet durable.

    `size` is in bytes, or None if it is not known.
    """
    with ExitStack() as stack:
        descriptor, unit = _claim(folder, upload_id, number, count, size or 0, stack)
        if descriptor is None or size is None:
            with _own_file(folder, upload_id, number, count, guard) as writer:
                yield writer
            return
        position = (number - 1) * unit
        end = position + size

        def write(data: bytes) -> None:
            nonlocal position
            if position + len(data) > end:
                raise InvalidInput("The part has more bytes than announced. Nothing of it was stored.")
            left = memoryview(data)
            while left:
                written = os.pwrite(descriptor, left, position)
                position += written
                left = left[written:]

        writer = PartWriter(write, unit)
        yield writer
        if position != end:
            raise InvalidInput("The part has fewer bytes than announced. Nothing of it was stored.")
        os.fdatasync(descriptor)
        record = folder / f"{_own_name(upload_id, number, writer.etag)}.{size}.{unit}"
        with guard():
            record.touch(_READ_ONLY)
            _unlink_others(record, upload_id, number)


def _claim(
    folder: Path, upload_id: str, number: int, count: int, size: int, stack: ExitStack
) -> tuple[int | None, int]:
    """Return the file that is to contain the part with others, locked at the part's position, and the unit.

    Returns None if the part needs a file of its own: because it has been stored before, is being stored, or has another
    size than the others.
    """
    if count == 1 or not size:
        return None, 0
    unit = size if number < count else _only_unit(folder, upload_id)
    if size > unit:
        return None, 0
    path = _shared_path(folder, upload_id, unit)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _WRITABLE)
    except PermissionError:  # the upload is being completed
        return None, 0
    stack.callback(os.close, descriptor)
    locked = try_range_lock(descriptor, (number - 1) * unit, size)
    # In this order: the parts' file is erased before the records. See `discard_parts`.
    if not locked or _others(folder, upload_id, number) or not is_same_file(path, descriptor):
        return None, 0
    return descriptor, unit


def _only_unit(folder: Path, upload_id: str) -> int:
    """Return the size of the parts before the last, or 0 if they have several or none has begun."""
    units = list(_shared_files(folder, upload_id))
    return units[0] if len(units) == 1 else 0


def _shared_files(folder: Path, upload_id: str) -> dict[int, Path]:
    """Return the files that parts share, by their unit."""
    prefix = f"parts-{upload_id}."
    return {int(path.name.removeprefix(prefix)): path for path in folder.iterdir() if path.name.startswith(prefix)}


@contextmanager
def _own_file(folder: Path, upload_id: str, number: int, count: int, guard: Guard) -> Iterator[PartWriter]:
    temporary = temporary_path(folder / _own_name(upload_id, number, None))
    try:
        with temporary.open("xb") as file:
            os.fchmod(file.fileno(), _READ_ONLY)
            writer = PartWriter(file.write)
            yield writer
            sync_file(file)
        path = folder / _own_name(upload_id, number, writer.etag)
        with guard():
            temporary.replace(path)
            if count > 1:
                _unlink_others(path, upload_id, number)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _unlink_others(path: Path, upload_id: str, number: int) -> None:
    for other in _others(path.parent, upload_id, number):
        if other != path:
            other.unlink(missing_ok=True)


def _others(folder: Path, upload_id: str, number: int) -> list[Path]:
    return [part.path for part in stored_in(folder) if (part.upload_id, part.number) == (upload_id, number)]


def _own_name(upload_id: str, number: int, etag: str | None) -> str:
    name = f"part-{upload_id}-{number}"
    return name if etag is None else f"{name}.{etag}"


def _shared_path(folder: Path, upload_id: str, unit: int) -> Path:
    return folder / f"parts-{upload_id}.{unit}"


def _range(descriptor: int, start: int, size: int) -> Iterator[bytes]:
    while size > 0 and (chunk := os.pread(descriptor, min(CHUNK, size), start)):
        start += len(chunk)
        size -= len(chunk)
        yield chunk


class Digests:
    """Hashes the parts at the beginning of files as soon as they are stored, so that they are not read again later."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._prefixes: dict[Path, _Prefix] = {}

    def extend(self, folder: Path, upload_id: str, unit: int) -> None:
        """Hash the stored parts that follow those that are hashed, unless another thread does so."""
        path = _shared_path(folder, upload_id, unit)
        with self._lock:
            if len(self._prefixes) >= _MAX_PREFIXES:  # for example of uploads that were abandoned
                self._prefixes.pop(next(iter(self._prefixes)))
            prefix = self._prefixes.setdefault(path, _Prefix())
        prefix.extend(folder, upload_id, unit)

    def rename(self, path: Path | None, target: Path) -> None:
        """Note the final name of a file, or forget what had this name before if the path is None."""
        with self._lock:
            self._prefixes.pop(target, None)
            if path and (prefix := self._prefixes.pop(path, None)):
                self._prefixes[target] = prefix

    def of(self, path: Path) -> str:
        """Return the SHA-256 of a file in hexadecimal. Raises `FileNotFoundError`."""
        with self._lock:
            prefix = self._prefixes.pop(path, None) or _Prefix()
        return prefix.whole(path)


class _Prefix:
    """The SHA-256 of the stored parts at the beginning of a file."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._digest = sha256()
        self._parts, self._size = 0, 0

    def extend(self, folder: Path, upload_id: str, unit: int) -> None:
        if not self._lock.acquire(blocking=False):
            return
        try:
            with suppress(FileNotFoundError):  # the upload was completed or erased meanwhile
                stored = {part.number: part for part in stored_in(folder) if part.upload_id == upload_id}
                for _ in range(_MAX_AT_ONCE):  # the sender of a part waits for the end
                    part = stored.get(self._parts + 1)
                    if part is None or part.unit != unit or not self._add(part):
                        break
        finally:
            self._lock.release()

    def _add(self, part: StoredPart) -> bool:
        """Add the whole part and return True, or add nothing."""
        digest, size = self._digest.copy(), 0
        for chunk in part.chunks():
            digest.update(chunk)
            size += len(chunk)
        if size == part.size:
            self._digest, self._parts, self._size = digest, self._parts + 1, self._size + size
        return size == part.size

    def whole(self, path: Path) -> str:
        with self._lock, path.open("rb") as file:
            file.seek(self._size)
            while chunk := file.read(CHUNK):
                self._digest.update(chunk)
                self._size += len(chunk)
            return self._digest.hexdigest()
