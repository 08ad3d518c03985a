"""Storage in a folder of this machine: one folder per version, named by its id. Users name nothing in it."""

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

from grid_datastores.domain.errors import Damaged, InvalidInput, NotFound
from grid_datastores.domain.model import ETAG
from grid_datastores.storage.manifest import Manifest
from grid_datastores.storage.packing import CHUNK
from grid_datastores.storage.space import TO_STORE, raising_no_space
from grid_datastores.system.file_locks import try_lock
from grid_datastores.system.files import path_beside, replacing, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from grid_datastores.storage.protocol import Guard

_MANIFEST = "manifest.jsonl"
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,99}")
_READ_ONLY = 0o444


@dataclass(frozen=True, slots=True)
class _LocalObject:
    """See `Assembled`."""

    digests: list[str]
    _temporary: Path
    _target: Path

    def keep(self) -> None:
        with _begun(self._target.parent.name):
            self._temporary.replace(self._target)

    def discard(self) -> None:
        self._temporary.unlink(missing_ok=True)


class LocalStorage:
    """See `Storage`. A version is a folder below `root/versions`, where the parts of its uploads lie, too."""

    def __init__(self, root: Path) -> None:
        self._root = _versions(root)
        self._root.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def exists_in(root: Path) -> bool:
        """Whether opening the storage below this folder makes nothing."""
        return _versions(root).is_dir()

    def begin(self, version_id: str) -> None:
        with raising_no_space(TO_STORE):
            self._folder(version_id).mkdir(exist_ok=True)
            sync_folder(self._root)

    def begun(self, version_id: str) -> bool:
        return self._folder(version_id).is_dir()

    @contextmanager
    def claim(self, version_id: str) -> Iterator[bool]:
        try:
            folder = os.open(self._folder(version_id), os.O_RDONLY)
        except FileNotFoundError:  # erased meanwhile
            yield False
            return
        try:
            yield try_lock(folder)
        finally:
            os.close(folder)

    @contextmanager
    def new_object(self, version_id: str, name: str, guard: Guard = nullcontext) -> Iterator[BinaryIO]:
        path = self._folder(version_id) / _checked(name)
        with raising_no_space(TO_STORE), _begun(version_id), replacing(path, _READ_ONLY, guard) as file:
            yield file

    def sync(self, version_id: str) -> None:
        with _begun(version_id):
            sync_folder(self._folder(version_id))

    @contextmanager
    def new_part(
        self,
        version_id: str,
        upload_id: str,
        number: int,
        guard: Guard,
    ) -> Iterator[BinaryIO]:
        with self.new_object(version_id, _part(upload_id, number), guard) as file:
            yield file
        self.sync(version_id)

    def stored_parts(self, version_id: str, counts: Mapping[str, int]) -> dict[tuple[str, int], str]:
        with _begun(version_id):
            names = {path.name for path in self._folder(version_id).iterdir()}
        parts = ((upload_id, number) for upload_id, count in counts.items() for number in range(1, count + 1))
        digests = {part: self._digest(version_id, _part(*part)) for part in parts if _part(*part) in names}
        return {part: digest for part, digest in digests.items() if digest}

    def _digest(self, version_id: str, name: str) -> str:
        return _copied(self._folder(version_id) / _checked(name), None)

    def assemble(self, version_id: str, upload_id: str, parts: int, name: str) -> _LocalObject:
        pieces = self._parts(version_id, upload_id, parts)
        target = self._folder(version_id) / _checked(name)
        temporary = path_beside(target)
        if len(pieces) == 1:
            with suppress(FileNotFoundError):
                os.link(pieces[0], temporary)
            return _LocalObject([_copied(temporary, None)], temporary, target)
        with self.new_object(version_id, temporary.name) as made:
            digests = [_copied(piece, made) for piece in pieces]
        return _LocalObject(digests, temporary, target)

    def discard_parts(self, version_id: str, upload_id: str, parts: int) -> None:
        for piece in self._parts(version_id, upload_id, parts):
            piece.unlink(missing_ok=True)

    def _parts(self, version_id: str, upload_id: str, parts: int) -> list[Path]:
        folder = self._folder(version_id)
        return [folder / _checked(_part(upload_id, number)) for number in range(1, parts + 1)]

    def publish(
        self,
        version_id: str,
        manifest: Manifest,
        guard: Guard = nullcontext,
    ) -> None:
        wanted = {file.object for file in manifest.files} | {_MANIFEST}
        self._give_attributes(version_id, manifest)
        self.sync(version_id)  # the objects before the word that they are all there
        with self.new_object(version_id, _MANIFEST, guard) as target:
            target.write(manifest.encode())
        for path in self._folder(version_id).iterdir():
            if path.name not in wanted:
                path.unlink(missing_ok=True)
        sync_folder(self._folder(version_id))

    def _give_attributes(self, version_id: str, manifest: Manifest) -> None:
        """Give an object that is one whole file its time and permissions: a Run links to it."""
        shared = Counter(file.object for file in manifest.files)
        for file in manifest.files:
            if shared[file.object] == 1 and not file.offset and (file.executable or file.modified is not None):
                path = self._folder(version_id) / _checked(file.object)
                with suppress(OSError, OverflowError):  # a Run copies the file then
                    path.chmod(0o555 if file.executable else 0o444)
                    if file.modified is not None:
                        os.utime(path, ns=(file.modified, file.modified))

    def published(self, version_id: str) -> Manifest | None:
        folder = self._folder(version_id)
        if not (folder / _MANIFEST).exists():
            return None
        manifest = self.manifest(version_id)
        kept = [file for file in manifest.files if not file.sha256.startswith(ETAG)]
        sizes = {name: _size(folder / _checked(name)) for name in {file.object for file in kept}}
        return manifest if all(file.offset + file.size <= sizes[file.object] for file in kept) else None

    def manifest(self, version_id: str) -> Manifest:
        with undamaged():
            return Manifest.decode(b"".join(self.manifest_pieces(version_id)))

    def manifest_pieces(self, version_id: str) -> Iterator[bytes]:
        try:
            file = (self._folder(version_id) / _MANIFEST).open("rb")
        except FileNotFoundError as error:
            raise Damaged("The data of this version is missing from storage.") from error
        return _pieces(file)

    def local_path(self, version_id: str, name: str) -> Path:
        return self._folder(version_id) / _checked(name)

    def size(self, version_id: str, name: str) -> int:
        try:
            return (self._folder(version_id) / _checked(name)).stat().st_size
        except FileNotFoundError as error:
            raise NotFound.id("object", name) from error

    def read(self, version_id: str, name: str, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
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
        folder = self._folder(version_id)
        while folder.exists():  # a part may arrive meanwhile
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
        sync_folder(self._root)

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
    """The size in bytes; -1 for a missing file."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def _copied(piece: Path, target: BinaryIO | None) -> str:
    """The ETag of a part, which is also copied into the target, if any; "" for a missing part."""
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


def _versions(root: Path) -> Path:
    return root / "versions"


def _part(upload_id: str, number: int) -> str:
    """The object that holds one part of an upload until it is assembled."""
    return f"part-{upload_id}-{number}"


def _checked(name: str) -> str:
    if not _SAFE.fullmatch(name):
        raise NotFound.id("object", name)
    return name


@contextmanager
def _begun(version_id: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound.id("upload for the version", version_id) from error
