"""Reading: which versions exist, what they contain, and what happened to them."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import Damaged, NotFound
from grid_datastores.domain.model import ETAG, SINGLE_REFERENCE, Details, Unused
from grid_datastores.domain.rules import check_not_deleted, check_readable
from grid_datastores.service.context import Context, owned
from grid_datastores.service.integrity import damaged_file, keep_lines, verified, verified_files, verify_manifest
from grid_datastores.storage import Manifest, raising_damaged, read_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from grid_datastores.domain.model import FileEntry, Quota, User, Version, VersionRef

MAX_CHECKED = 64 * 1024 * 1024  # bytes; to send a part of a larger file, its other parts are not read
_CACHED_MANIFESTS = 4  # few: one of 100,000 files takes tens of megabytes


@dataclass(frozen=True, slots=True)
class EncodedManifest:
    """A verified manifest as it is stored: its size in bytes, its SHA-256, and its content."""

    size: int
    sha256: str
    chunks: Iterator[bytes]


class Reading:
    """The use cases of reading."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._decoded = lru_cache(_CACHED_MANIFESTS)(self._decode)  # a published manifest never changes

    def find(self, user: User, ref: VersionRef) -> Version:
        """Return the user's version of this name and number, deleted or not. Raises `NotFound` if it never existed."""
        with self._context.catalog.read() as tx:
            version = tx.versions.find(user.id, ref)
            if version is None:
                raise NotFound.version(ref, *tx.versions.numbers(user.id, ref.name, NotFound.MAX_NUMBERS))
            return version

    def get(self, user: User, version_id: str) -> Version:
        """Return the user's version with this id. Raises `AlreadyDeleted` (rule delete-immediate) and `NotFound`."""
        with self._context.catalog.read() as tx:
            version = owned(tx, user, version_id)
        check_not_deleted(version)
        return version

    def details(self, user: User, version_id: str) -> Details:
        """Return the user's version with this id, deleted or not, with its holders and history."""
        with self._context.catalog.read() as tx:
            version = owned(tx, user, version_id)
            holders = tx.workloads.holders(version.id, self._context.leases.now(tx))
            return Details(version, tuple(holders), tuple(tx.versions.history(version.id)))

    def quota(self, user: User) -> Quota:
        """Return how many versions the user has and how many they may have."""
        with self._context.catalog.read() as tx:
            return self._context.quota(tx, user)

    def unused(self, user: User, *, limit: int, skip: int = 0) -> Unused:
        """Return the user's versions that can be deleted now: at most `limit`, after the first `skip`."""
        with self._context.catalog.read() as tx:
            now = self._context.leases.now(tx)
            count, size = tx.versions.unused_total(user.id, now)
            return Unused(tuple(tx.versions.unused_longest(user.id, now, limit=limit, skip=skip)), count, size)

    def manifest(self, user: User, version_id: str) -> Manifest:
        """Return the version's manifest, its files sorted by path. Raises a refusal if the version is not available.

        Raises `Damaged` if the stored manifest is not the one that was published.
        """
        self._check_readable(user, version_id)
        return self._decoded(version_id)

    def encoded_manifest(self, user: User, version_id: str) -> EncodedManifest:
        """Return the version's manifest to be streamed. Raises the same as `manifest`."""
        self._check_readable(user, version_id)
        with self._explaining_damage(version_id):
            size, digest = self._verify(version_id, self._context.storage.manifest_chunks(version_id))
            chunks = verified(self._context.storage.manifest_chunks(version_id), digest)
        return EncodedManifest(size, digest, self._explained(version_id, "", chunks))

    def listed_files(self, user: User, version_id: str) -> Iterator[FileEntry]:
        """Yield the version's files, sorted by path, while reading the manifest. Raises the same as `manifest`."""
        return read_files(self.encoded_manifest(user, version_id).chunks)

    def page_of_files(self, user: User, version_id: str, start: int, size: int) -> tuple[list[FileEntry], bool]:
        """Return at most `size` of the version's files, sorted by path, and whether more follow.

        `start` counts the files before them. Only the lines of the page are decoded and kept. Raises the same as
        `manifest`.
        """
        self._check_readable(user, version_id)
        lines: list[bytes] = []
        with self._explaining_damage(version_id):
            chunks = self._context.storage.manifest_chunks(version_id)
            self._verify(version_id, keep_lines(chunks, range(start, start + size + 1), lines))
            with raising_damaged():
                files = list(read_files(lines))
        return files[:size], len(files) > size

    def _check_readable(self, user: User, version_id: str) -> None:
        with self._context.catalog.read() as tx:
            check_readable(owned(tx, user, version_id))

    def _decode(self, version_id: str) -> Manifest:
        with self._explaining_damage(version_id):
            _size, digest = self._verify(version_id, self._context.storage.manifest_chunks(version_id))
            chunks = verified(self._context.storage.manifest_chunks(version_id), digest)
            with raising_damaged():
                return Manifest.decode_chunks(chunks)

    def _verify(self, version_id: str, chunks: Iterable[bytes]) -> tuple[int, str]:
        with self._context.catalog.read() as tx:
            version = tx.versions.get(version_id)
        return verify_manifest(chunks, version)

    def entry(self, user: User, version_id: str, path: str) -> FileEntry:
        """Return what the manifest says of one file of the version. Raises `NotFound`."""
        files = self.manifest(user, version_id).files
        at = bisect_left(files, path, key=lambda entry: entry.path)
        if at == len(files) or files[at].path != path:
            raise NotFound(f"This version contains no file {path!r}.")
        return files[at]

    def file(self, user: User, version_id: str, path: str) -> tuple[FileEntry, Iterator[bytes]]:
        """Return one file of the version and an iterator over its content. Raises `NotFound`.

        Raises `Damaged` if the content is not what was uploaded: now for a small file, else before the iterator ends.
        """
        entry = self.entry(user, version_id, path)
        content = self._content(user, version_id, entry)
        return entry, _preceded(next(content, b""), content)  # raises now if it is one damaged piece

    def part(self, user: User, version_id: str, entry: FileEntry, start: int, size: int) -> Iterator[bytes]:
        """Yield `size` bytes of a stored file from `start`.

        Raises `Damaged` if a file of up to `MAX_CHECKED` bytes is not what was uploaded. A larger one is not compared.
        """
        if entry.size <= MAX_CHECKED:
            deque(self._content(user, version_id, entry), maxlen=0)
        self._check_readable(user, version_id)
        chunks = self._context.storage.read(version_id, entry.object, entry.offset + start, size)
        return self._explained(version_id, entry.path, chunks)

    def files(self, user: User, version_id: str) -> Iterator[tuple[FileEntry, Iterator[bytes]]]:
        """Yield every file of the version with an iterator over its content, sorted by path."""
        entries = self.manifest(user, version_id).files
        return ((entry, self._content(user, version_id, entry)) for entry in entries)

    def local_path(self, version_id: str, name: str) -> Path | None:
        """Return an object's path on this machine, or None if storage is elsewhere."""
        return self._context.storage.local_path(version_id, name)

    def object(self, user: User, version_id: str, name: str) -> tuple[int, Iterator[bytes]]:
        """Return the size in bytes and the content of one object in the manifest. Raises `NotFound`.

        Raises `Damaged` before the end of a file that is not what was uploaded: now for the first piece, else later.
        """
        files = [entry for entry in self.manifest(user, version_id).files if entry.object == name]
        if not files:
            raise NotFound.id("object", name)
        if files[0].sha256.startswith(ETAG):
            return files[0].size, self._content(user, version_id, files[0])
        files.sort(key=lambda entry: entry.offset)
        storage = self._context.storage
        with self._explaining_damage(version_id, name):
            size = storage.size(version_id, name)
        content = self._explained(version_id, name, verified_files(storage.read(version_id, name), files, 0))
        return size, _preceded(next(content, b""), content)

    def _content(self, user: User, version_id: str, entry: FileEntry) -> Iterator[bytes]:
        if not entry.sha256.startswith(ETAG):
            stored = self._context.storage.read(version_id, entry.object, entry.offset, entry.size)
            return self._explained(version_id, entry.path, verified_files(stored, [entry], entry.offset))
        from grid_datastores.sources.addresses import check_bucket
        from grid_datastores.sources.bucket import Bucket
        from grid_datastores.sources.limits import FetchLimits

        location = self.get(user, version_id).source.location
        check_bucket(location, user.name, self._context.limits.allowed_buckets)
        bucket = Bucket(location, FetchLimits())
        etag, single = entry.sha256.removeprefix(ETAG), entry.object == SINGLE_REFERENCE
        return bucket.file(entry.path, entry.size, etag, single).chunks()

    def _explained(self, version_id: str, path: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
        with self._explaining_damage(version_id, path):
            yield from chunks

    @contextmanager
    def _explaining_damage(self, version_id: str, path: str = "") -> Iterator[None]:
        """Tell the operator of damage, and name the file. "" is for the list of files.

        If the version was deleted meanwhile, raises `AlreadyDeleted` instead.
        """
        try:
            yield
        except (Damaged, NotFound) as error:
            with self._context.catalog.read() as tx:
                version = tx.versions.get(version_id)
            if version:
                check_not_deleted(version)
            path = error.metadata.get("file", path)
            what = repr(path) if path else "the list of files"
            self._context.on_damage(f"{what} of the version with the id {version_id} is damaged in storage")
            if path:
                raise damaged_file(path) from error
            raise


def _preceded(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the first piece, then the rest. Unlike `chain`, this can be closed."""
    yield first
    yield from rest
