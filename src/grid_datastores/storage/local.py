"""Bytes in a local folder: a folder a version, named by its id; nothing in it is named by a user."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections import Counter
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from hashlib import md5
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

from grid_datastores.domain.errors import Damaged, InvalidInput, NoSpace, NotFound
from grid_datastores.domain.model import ETAG
from grid_datastores.storage.manifest import Manifest
from grid_datastores.storage.packing import CHUNK
from grid_datastores.system.file_locks import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

_MANIFEST = "manifest.jsonl"
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,99}")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Assembled:
    """An object made of an upload's parts, which has no name yet; `digests` are the ETags of what is in it."""

    digests: list[str]
    _aside: Path
    _target: Path

    def keep(self) -> None:
        """Give it its name; only under the version's lock. What has the name then is what a killed process left."""
        with _begun(self._target.parent.name):
            self._aside.replace(self._target)

    def discard(self) -> None:
        """Leave nothing of it; once it is kept, it stays."""
        self._aside.unlink(missing_ok=True)


class LocalStorage:
    """Versions' objects below one folder; the parts of uploads wait beside them until they are assembled."""

    def __init__(self, root: Path) -> None:
        self._root = root / "versions"
        self.scratch = root / "scratch"  # for what is fetched, until it is packed
        self._root.mkdir(parents=True, exist_ok=True)
        self.scratch.mkdir(exist_ok=True)

    @staticmethod
    def exists_in(root: Path) -> bool:
        """Whether opening the storage below this folder makes nothing."""
        return (root / "versions").is_dir() and (root / "scratch").is_dir()

    def begin(self, version_id: str) -> None:
        """A place for the version's objects: none can be made without it, so none after an erase."""
        with _full_disk():
            self._folder(version_id).mkdir(exist_ok=True)
            _sync_folder(self._root)

    def begun(self, version_id: str) -> bool:
        """Whether the version has a place: it was begun, and not erased since."""
        return self._folder(version_id).is_dir()

    @contextmanager
    def claim(self, version_id: str) -> Iterator[bool]:
        """Be the only one, of all threads and processes, who finishes this version; False when somebody else is."""
        try:
            folder = os.open(self._folder(version_id), os.O_RDONLY)
        except FileNotFoundError:  # erased meanwhile
            yield False
            return
        try:
            yield locked(folder)
        finally:
            os.close(folder)

    @contextmanager
    def new_object(
        self, version_id: str, name: str, held: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> Iterator[BinaryIO]:
        """Write one object; it is there, whole, when the context ends without an exception; durably after `sync`.

        `held` is entered while it gets its name: where it raises, nothing is changed.
        """
        path = self._folder(version_id) / _checked(name)
        aside = _aside(path)  # two who write the same object meet at its end only
        try:
            with _full_disk(), _begun(version_id), aside.open("wb") as file:
                yield file
                os.fchmod(file.fileno(), 0o444)
                file.flush()
                os.fsync(file.fileno())
            with held(), _begun(version_id):
                aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise

    def sync(self, version_id: str) -> None:
        """All objects and parts that have their names keep them, whatever happens to the power."""
        with _begun(version_id):
            _sync_folder(self._folder(version_id))

    def names(self, version_id: str) -> set[str]:
        """What is there of the version, and what is under way under a name of its own."""
        with _begun(version_id):
            return {path.name for path in self._folder(version_id).iterdir()}

    def part_name(self, upload_id: str, number: int) -> str:
        """The object that keeps one part of an upload until it is assembled."""
        return f"part-{upload_id}-{number}"

    def part_digest(self, version_id: str, upload_id: str, number: int) -> str | None:
        """The ETag of a part that is there whole; None when it is not there."""
        return _copied(self._folder(version_id) / _checked(self.part_name(upload_id, number)), None) or None

    def assemble(self, version_id: str, upload_id: str, parts: int, name: str) -> Assembled:
        """Make one object of an upload's parts. They stay until `drop_parts`, so that it can be done again.

        A part that is not there adds nothing, and has no ETag ("").
        """
        pieces = self._parts(version_id, upload_id, parts)
        target = self._folder(version_id) / _checked(name)
        aside = _aside(target)
        if len(pieces) == 1:
            with suppress(FileNotFoundError):
                os.link(pieces[0], aside)
            return Assembled([_copied(aside, None)], aside, target)
        with self.new_object(version_id, aside.name) as made:
            digests = [_copied(piece, made) for piece in pieces]
        return Assembled(digests, aside, target)

    def drop_parts(self, version_id: str, upload_id: str, parts: int) -> None:
        """The parts of this upload are not needed any more."""
        for piece in self._parts(version_id, upload_id, parts):
            piece.unlink(missing_ok=True)

    def _parts(self, version_id: str, upload_id: str, parts: int) -> list[Path]:
        folder = self._folder(version_id)
        return [folder / _checked(self.part_name(upload_id, number)) for number in range(1, parts + 1)]

    def publish(
        self, version_id: str, manifest: Manifest, held: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> None:
        """Keep the manifest, durably and at once: the version is whole, all else in its place goes.

        `held` as for `new_object`.
        """
        wanted = {file.object for file in manifest.files} | {_MANIFEST}
        self._give_attributes(version_id, manifest)
        self.sync(version_id)  # the objects before the word that they are all there
        with self.new_object(version_id, _MANIFEST, held) as target:
            target.write(manifest.encode())
        for path in self._folder(version_id).iterdir():
            if path.name not in wanted:
                path.unlink(missing_ok=True)
        _sync_folder(self._folder(version_id))

    def _give_attributes(self, version_id: str, manifest: Manifest) -> None:
        """An object that is one whole file has its time and may be run as it may, for a Run that is linked to it."""
        shared = Counter(file.object for file in manifest.files)
        for file in manifest.files:
            if shared[file.object] == 1 and not file.offset and (file.executable or file.modified is not None):
                path = self._folder(version_id) / _checked(file.object)
                with suppress(OSError, OverflowError):  # then the file is copied for a Run
                    path.chmod(0o555 if file.executable else 0o444)
                    if file.modified is not None:
                        os.utime(path, ns=(file.modified, file.modified))

    def published(self, version_id: str) -> Manifest | None:
        """The manifest, if it was published: whoever did so may have been killed before the catalog knew.

        None, too, when its objects are not all there.
        """
        folder = self._folder(version_id)
        if not (folder / _MANIFEST).exists():
            return None
        manifest = self.manifest(version_id)
        kept = [file for file in manifest.files if not file.sha256.startswith(ETAG)]
        sizes = {name: _size(folder / _checked(name)) for name in {file.object for file in kept}}
        return manifest if all(file.offset + file.size <= sizes[file.object] for file in kept) else None

    def manifest(self, version_id: str) -> Manifest:
        """The published manifest; raises `Damaged` when it is not there."""
        with undamaged():
            return Manifest.decode(b"".join(self.manifest_pieces(version_id)))

    def manifest_pieces(self, version_id: str) -> Iterator[bytes]:
        """The published manifest as it is stored, in pieces of whole lines; raises `Damaged` when it is not there."""
        try:
            file = (self._folder(version_id) / _MANIFEST).open("rb")
        except FileNotFoundError as error:
            raise Damaged("The data of this version is missing from storage.") from error
        return _pieces(file)

    def place(self, version_id: str, name: str) -> Path:
        """Where an object lies, for who reads it as a file."""
        return self._folder(version_id) / _checked(name)

    def size(self, version_id: str, name: str) -> int:
        """The size of an object in bytes; raises `NotFound` when it is not there."""
        try:
            return (self._folder(version_id) / _checked(name)).stat().st_size
        except FileNotFoundError as error:
            raise NotFound.id("object", name) from error

    def read(self, version_id: str, name: str, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        """`size` bytes (all, when None) of an object from `offset` on; raises `Damaged` when it is shorter."""
        left = self.size(version_id, name) - offset if size is None else size
        with (self._folder(version_id) / _checked(name)).open("rb") as file:
            file.seek(offset)
            while left > 0:
                chunk = file.read(min(CHUNK, left))
                if not chunk:
                    raise Damaged(f"The stored object {name} is shorter than its manifest says.")
                left -= len(chunk)
                yield chunk

    def erase(self, version_id: str) -> None:
        """Leave no byte of the version; erasing what is not there is no error."""
        folder = self._folder(version_id)
        while folder.exists():  # a part that arrives meanwhile is erased by the next round
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
        _sync_folder(self._root)

    def _folder(self, version_id: str) -> Path:
        return self._root / _checked(version_id)


@contextmanager
def undamaged() -> Iterator[None]:
    """Raise `Damaged` for a stored manifest that is not one."""
    try:
        yield
    except InvalidInput as error:
        raise Damaged("The list of files of this version is damaged in storage.") from error


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while lines := file.readlines(CHUNK):
            yield b"".join(lines)


def _size(path: Path) -> int:
    """In bytes; -1 when it is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.{uuid4().hex}.new")


def _copied(piece: Path, target: BinaryIO | None) -> str:
    """The ETag of a part, as it was read, and copied where there is a target; "" when it is not there."""
    digest = md5(usedforsecurity=False)
    try:
        with piece.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                if target:
                    target.write(chunk)
    except FileNotFoundError:
        return ""
    return digest.hexdigest()


def _checked(name: str) -> str:
    if not _SAFE.fullmatch(name):
        raise NotFound.id("object", name)
    return name


@contextmanager
def _full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpace("There is no space left where the data is kept; nothing was kept of this upload.") from error
        raise


@contextmanager
def _begun(version_id: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound.id("upload for the version", version_id) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
