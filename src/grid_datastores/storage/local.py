"""Storage in a folder of this machine, with one subfolder for each version.

The names of folders and files are ids and object names. No text from a user becomes a part of a path.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections import Counter
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, BinaryIO
from weakref import finalize

from grid_datastores.domain.errors import Damaged, InvalidInput, NotFound
from grid_datastores.domain.model import ETAG
from grid_datastores.storage.log import LocalLog
from grid_datastores.storage.manifest import Manifest
from grid_datastores.storage.parts import Digests, discard_parts, find_parts, new_part, shared_file, stored_in
from grid_datastores.storage.space import NO_SPACE_TO_STORE, raising_no_space
from grid_datastores.system.file_locks import try_lock, try_shared_lock
from grid_datastores.system.files import atomic_write, sync_folder, temporary_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from grid_datastores.domain.model import Upload
    from grid_datastores.storage.parts import PartWriter, StoredPart
    from grid_datastores.storage.protocol import Guard, Log

_MANIFEST = "manifest.jsonl"
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,99}")
_READ_ONLY = 0o444
_WRITABLE = 0o600
_PIECE = 128 * 1024  # bytes read at a time; a server holds two pieces for each client that does not read


@dataclass(frozen=True, slots=True)
class _LocalObject:
    """See `Assembled`."""

    digests: list[str]
    _temporary: Path
    _target: Path
    _shared: Path | None  # the file of parts that it is
    _known: Digests

    def commit(self) -> None:
        with _raising_not_found(self._target.parent.name):
            self._temporary.replace(self._target)
        self._known.rename(self._shared, self._target)

    def discard(self) -> None:
        self._temporary.unlink(missing_ok=True)


class LocalStorage:
    """See `Storage`. The folder `ROOT/versions/ID` contains the objects of one version and the parts of its uploads.

    Versions share no file. Enforces version-independent.
    """

    def __init__(self, root: Path) -> None:
        self._root = _versions_folder(root)
        self._root.mkdir(parents=True, exist_ok=True)
        self._release: Callable[[], object] = lambda: None
        self._digests = Digests()
        self.log: Log = LocalLog(root / "log")

    @staticmethod
    def exists_in(root: Path) -> bool:
        """Return whether the storage exists, so that opening it creates nothing."""
        return _versions_folder(root).is_dir()

    def hold(self, *, alone: bool = False) -> bool:
        """See `Storage`. Best effort: some network file systems have no locks for folders."""
        folder = os.open(self._root.parent, os.O_RDONLY)
        self._release = finalize(self, os.close, folder)
        try:
            held = try_lock(folder) if alone else try_shared_lock(folder)
        except OSError:
            return True
        if not held:
            self.release()
        return held

    def release(self) -> None:
        self._release()

    def begun_versions(self) -> set[str]:
        return {path.name for path in self._root.iterdir()}

    def begin(self, version_id: str) -> None:
        with raising_no_space(NO_SPACE_TO_STORE):
            self._folder(version_id).mkdir(exist_ok=True)
            sync_folder(self._root)

    def begun(self, version_id: str) -> bool:
        return self._folder(version_id).is_dir()

    @contextmanager
    def claim(self, version_id: str) -> Iterator[bool]:
        try:
            folder = os.open(self._folder(version_id), os.O_RDONLY)
        except FileNotFoundError:  # the version was erased
            yield False
            return
        try:
            yield try_lock(folder)
        finally:
            os.close(folder)

    @contextmanager
    def new_object(self, version_id: str, name: str, guard: Guard = nullcontext) -> Iterator[BinaryIO]:
        path = self._folder(version_id) / _checked_name(name)
        with (
            raising_no_space(NO_SPACE_TO_STORE),
            _raising_not_found(version_id),
            atomic_write(path, _READ_ONLY, guard) as file,
        ):
            yield file

    def sync(self, version_id: str) -> None:
        with _raising_not_found(version_id):
            sync_folder(self._folder(version_id))

    @contextmanager
    def new_part(
        self,
        version_id: str,
        upload: Upload,
        number: int,
        size: int | None,
        guard: Guard,
    ) -> Iterator[PartWriter]:
        folder = self._folder(version_id)
        with raising_no_space(NO_SPACE_TO_STORE), _raising_not_found(version_id):
            with new_part(folder, upload.id, number, upload.parts, size, guard) as writer:
                yield writer
            sync_folder(folder)
        if writer.unit:
            self._digests.extend(folder, upload.id, writer.unit)

    def stored_parts(self, version_id: str, counts: Mapping[str, int]) -> dict[tuple[str, int], str]:
        with _raising_not_found(version_id):
            stored = stored_in(self._folder(version_id))
            wanted = [part for part in stored if part.number <= counts.get(part.upload_id, 0)]
        return {(part.upload_id, part.number): etag for part in wanted if (etag := part.etag)}

    def assemble(self, version_id: str, upload_id: str, etags: Sequence[str], name: str) -> _LocalObject:
        folder = self._folder(version_id)
        target = folder / _checked_name(name)
        temporary = temporary_path(target)
        with _raising_not_found(version_id):
            found = find_parts(folder, upload_id, etags)
        stored = [part for part in found if part]
        shared = None
        try:
            if len(stored) == len(etags):
                shared = self._assemble(stored, temporary)
        except FileNotFoundError:  # the parts were erased meanwhile, because the upload was completed
            found = [None] * len(etags)
        digests = [etag if part else "" for part, etag in zip(found, etags, strict=True)]
        return _LocalObject(digests, temporary, target, shared, self._digests)

    @staticmethod
    def _assemble(parts: Sequence[StoredPart], path: Path) -> Path | None:
        """Assemble all parts of an upload at the path. Return the file that they share and that was linked, or None."""
        shared = shared_file(parts)
        if shared or len(parts) == 1:
            os.link(shared or parts[0].path, path)
            return shared
        with raising_no_space(NO_SPACE_TO_STORE), atomic_write(path, _READ_ONLY) as file:
            for part in parts:
                file.writelines(part.chunks())
        return None

    def discard_parts(self, version_id: str, upload_id: str, etags: Sequence[str]) -> None:
        with suppress(FileNotFoundError):
            discard_parts(self._folder(version_id), upload_id, etags)

    def sha256(self, version_id: str, name: str) -> str:
        with _raising_not_found(version_id):
            return self._digests.of(self._folder(version_id) / _checked_name(name))

    def publish(
        self,
        version_id: str,
        manifest: Manifest,
        guard: Guard = nullcontext,
    ) -> str:
        listed, encoded = {file.object for file in manifest.files} | {_MANIFEST}, manifest.encode()
        self._set_attributes(version_id, manifest)
        self.sync(version_id)  # before the manifest, which must not list an object that a crash can lose
        with self.new_object(version_id, _MANIFEST, guard) as target:
            target.write(encoded)
        for path in self._folder(version_id).iterdir():
            if path.name not in listed:
                path.unlink(missing_ok=True)
        sync_folder(self._folder(version_id))
        return sha256(encoded).hexdigest()

    def _set_attributes(self, version_id: str, manifest: Manifest) -> None:
        """Set the time and permissions of each object that is exactly one file, because Runs link to it."""
        files_in = Counter(file.object for file in manifest.files)
        for file in manifest.files:
            if files_in[file.object] == 1 and not file.offset and (file.executable or file.modified is not None):
                path = self._folder(version_id) / _checked_name(file.object)
                with suppress(OSError, OverflowError):  # if this fails, Runs copy the file instead
                    path.chmod(0o555 if file.executable else 0o444)
                    if file.modified is not None:
                        os.utime(path, ns=(file.modified, file.modified))

    def published_manifest(self, version_id: str) -> Manifest | None:
        folder = self._folder(version_id)
        if not (folder / _MANIFEST).exists():
            return None
        manifest = self.manifest(version_id)
        stored = [file for file in manifest.files if not file.sha256.startswith(ETAG)]  # the others stay in a bucket
        sizes = {name: _size(folder / _checked_name(name)) for name in {file.object for file in stored}}
        return manifest if all(file.offset + file.size <= sizes[file.object] for file in stored) else None

    def manifest(self, version_id: str) -> Manifest:
        with raising_damaged():
            return Manifest.decode_chunks(self.manifest_chunks(version_id))

    def manifest_chunks(self, version_id: str) -> Iterator[bytes]:
        try:
            file = _open(self._folder(version_id) / _MANIFEST)
        except FileNotFoundError as error:
            raise Damaged("The data of this version is missing from storage.") from error
        with file:
            while lines := file.readlines(_PIECE):
                yield b"".join(lines)

    def local_path(self, version_id: str, name: str) -> Path:
        return self._folder(version_id) / _checked_name(name)

    def size(self, version_id: str, name: str) -> int:
        try:
            return (self._folder(version_id) / _checked_name(name)).stat().st_size
        except FileNotFoundError as error:
            raise NotFound.id("object", name) from error

    def read(self, version_id: str, name: str, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        left = self.size(version_id, name) - offset if size is None else size
        try:
            file = _open(self._folder(version_id) / _checked_name(name))
        except FileNotFoundError as error:
            raise Damaged(f"The stored object {name} is missing.") from error
        with file:
            file.seek(offset)
            while left > 0:
                chunk = file.read(min(_PIECE, left))
                if not chunk:
                    raise Damaged(f"The stored object {name} is shorter than the manifest says.")
                left -= len(chunk)
                yield chunk

    def erase(self, version_id: str, *, ignore_readers: bool = False) -> bool:
        folder = self._folder(version_id)
        while folder.exists():  # an upload may add a part at the same time
            try:
                erased = [_erase_file(path, ignore_readers=ignore_readers) for path in folder.iterdir()]
                if not all(erased):
                    return True
                shutil.rmtree(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
        return False

    def sync_erased(self) -> None:
        sync_folder(self._root)

    def _folder(self, version_id: str) -> Path:
        return self._root / _checked_name(version_id)


@contextmanager
def raising_damaged() -> Iterator[None]:
    """Raise `Damaged` if the block cannot decode a stored manifest."""
    try:
        yield
    except InvalidInput as error:
        raise Damaged("The list of files of this version is damaged in storage.") from error


def _open(path: Path) -> BinaryIO:
    """Open a stored file for reading. The lock, which lasts until it is closed, tells `_erase_file` of its reader.

    Raises `FileNotFoundError` also while the file is being erased.
    """
    file = path.open("rb")
    if not try_shared_lock(file.fileno()):
        file.close()
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return file


def _erase_file(path: Path, *, ignore_readers: bool) -> bool:
    """Erase the bytes of a file, so that also processes that have it open cannot read them, then unlink it.

    Returns False, and leaves the empty file, while it has readers. They are recognized by their locks. A file that has
    another name, for example in a backup made of hard links, keeps its bytes. What is no file stays.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # what cannot be opened has to be unlinked as it is
        return True
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return True
        if status.st_nlink == 1:
            _truncate(path, descriptor)
        if not ignore_readers and _has_readers(descriptor):
            return False
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
    return True


def _truncate(path: Path, descriptor: int) -> None:
    with suppress(OSError):  # for example because the file belongs to another user; then it is only unlinked
        os.fchmod(descriptor, _WRITABLE)
        with path.open("r+b") as file:
            file.truncate(0)


def _has_readers(descriptor: int) -> bool:
    """Return whether a reader has locked the open file. Where the file system has no locks, nothing is known."""
    try:
        return not try_lock(descriptor)
    except OSError:
        return False


def _size(path: Path) -> int:
    """Return the size in bytes, or -1 if the file is missing."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def _versions_folder(root: Path) -> Path:
    return root / "versions"


def _checked_name(name: str) -> str:
    if not _SAFE_NAME.fullmatch(name):
        raise NotFound.id("object", name)
    return name


@contextmanager
def _raising_not_found(version_id: str) -> Iterator[None]:
    """Raise `NotFound` if the version's folder is missing: it was not begun, or it was erased."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound.id("upload for the version", version_id) from error
