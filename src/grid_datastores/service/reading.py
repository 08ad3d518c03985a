"""Reading: which versions exist, what they contain, and what happened to them."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections import deque
from functools import lru_cache
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import Damaged, NotFound
from grid_datastores.domain.model import ETAG, SINGLE_REFERENCE, Details, Unused
from grid_datastores.domain.rules import check_not_deleted, check_readable
from grid_datastores.service.context import Context, owned
from grid_datastores.storage import raising_damaged, read_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from grid_datastores.domain.model import FileEntry, Quota, User, Version, VersionRef
    from grid_datastores.storage import Manifest

_log = logging.getLogger(__name__)

_CACHED_MANIFESTS = 4  # few: one of 100,000 files takes tens of megabytes


class Reading:
    """The use cases of reading."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._decoded = lru_cache(_CACHED_MANIFESTS)(context.storage.manifest)  # a published manifest never changes

    def versions(self, user: User, *, with_deleted: bool = False) -> list[Version]:
        """Return the user's versions, sorted by name and number: those that are not deleted, or all."""
        with self._context.catalog.read() as tx:
            return tx.versions.all_of_owner(user.id) if with_deleted else tx.versions.of_owner(user.id)

    def find(self, user: User, ref: VersionRef) -> Version:
        """Return the user's version of this name and number, deleted or not. Raises `NotFound` if it never existed."""
        with self._context.catalog.read() as tx:
            version = tx.versions.find(user.id, ref)
            if version is None:
                raise NotFound.version(ref, tx.versions.numbers(user.id, ref.name))
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
        """Return the version's manifest, its files sorted by path. Raises a refusal if the version is not available."""
        with self._context.catalog.read() as tx:
            check_readable(owned(tx, user, version_id))
        try:
            return self._decoded(version_id)
        except Damaged:
            self.get(user, version_id)  # if it was deleted meanwhile, report that instead
            raise

    def listed_files(self, user: User, version_id: str) -> Iterator[FileEntry]:
        """Yield the version's files, sorted by path, while reading the manifest. Raises `Damaged`."""
        return _files(self._manifest_chunks(user, version_id))

    def manifest_chunks(self, user: User, version_id: str) -> Iterator[bytes]:
        """Yield the version's manifest in pieces, each verified. Raises `Damaged`."""
        pieces = _verified(self._manifest_chunks(user, version_id))
        return chain([next(pieces, b"")], pieces)  # raises now if the first piece is damaged

    def _manifest_chunks(self, user: User, version_id: str) -> Iterator[bytes]:
        with self._context.catalog.read() as tx:
            check_readable(owned(tx, user, version_id))
        try:
            return self._context.storage.manifest_chunks(version_id)
        except Damaged:
            self.get(user, version_id)  # if it was deleted meanwhile, report that instead
            raise

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
        return entry, chain([next(content, b"")], content)  # raises now if it is one damaged piece

    def files(self, user: User, version_id: str) -> Iterator[tuple[FileEntry, Iterator[bytes]]]:
        """Yield every file of the version with an iterator over its content, sorted by path."""
        entries = self.manifest(user, version_id).files
        return ((entry, self._content(user, version_id, entry)) for entry in entries)

    def local_path(self, version_id: str, name: str) -> Path | None:
        """Return an object's path on this machine, or None if storage is elsewhere."""
        return self._context.storage.local_path(version_id, name)

    def object(self, user: User, version_id: str, name: str) -> tuple[int, Iterator[bytes]]:
        """Return the size in bytes and the content of one object in the manifest. Raises `NotFound`."""
        entry = next((entry for entry in self.manifest(user, version_id).files if entry.object == name), None)
        if entry is None:
            raise NotFound.id("object", name)
        if entry.sha256.startswith(ETAG):
            return entry.size, self._content(user, version_id, entry)
        storage = self._context.storage
        return storage.size(version_id, name), storage.read(version_id, name)

    def _content(self, user: User, version_id: str, entry: FileEntry) -> Iterator[bytes]:
        if not entry.sha256.startswith(ETAG):
            stored = self._context.storage.read(version_id, entry.object, entry.offset, entry.size)
            return _checked(stored, entry, version_id)
        from grid_datastores.sources.addresses import check_bucket
        from grid_datastores.sources.bucket import Bucket
        from grid_datastores.sources.limits import FetchLimits

        location = self.get(user, version_id).source.location
        check_bucket(location, user.name, self._context.limits.allowed_buckets)
        bucket = Bucket(location, FetchLimits())
        etag, single = entry.sha256.removeprefix(ETAG), entry.object == SINGLE_REFERENCE
        return bucket.file(entry.path, entry.size, etag, single).chunks()


def _checked(chunks: Iterable[bytes], entry: FileEntry, version_id: str) -> Iterator[bytes]:
    """Yield the content of a file. Raises `Damaged` instead of the last chunk if it does not match its SHA-256."""
    digest, last = sha256(), b""
    for chunk in chunks:
        if last:
            yield last
        digest.update(chunk)
        last = chunk
    if digest.hexdigest() != entry.sha256:
        _log.error("%r of the version with the id %s does not match its SHA-256 in storage", entry.path, version_id)
        raise Damaged(f"{entry.path} is damaged in storage, so it was not sent. Ask the operator to restore it.")
    yield last


def _files(pieces: Iterable[bytes]) -> Iterator[FileEntry]:
    with raising_damaged():
        yield from read_files(pieces)


def _verified(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        deque(_files([piece]), maxlen=0)
        yield piece
