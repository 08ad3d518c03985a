"""Making a version: begin, take objects, finish. Until it is finished it can be dropped; then never changed."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO

from grid_datastores.errors import InvalidInput, NotFound, UploadInvalid
from grid_datastores.model import EventKind, Phase, Source, SourceKind
from grid_datastores.rules import check_name, check_open, check_quota
from grid_datastores.service.context import Context, owned
from grid_datastores.service.finishing import ANNOUNCED, Finishing, Sink, object_name
from grid_datastores.sources import parse_source
from grid_datastores.sources.parse import shown_url
from grid_datastores.storage import Manifest, check_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grid_datastores.catalog import Transaction, Upload
    from grid_datastores.model import User, Version, VersionRef
    from grid_datastores.storage import ObjectSink

URL_LIFE = timedelta(hours=24)
MOST_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class CompletedObject:
    """What a client says of an object that it has sent: the ETag of each part, by number."""

    key: str
    upload_id: str
    etags: Mapping[int, str]


class Uploads:
    """The use cases of uploading."""

    def __init__(self, context: Context, finishing: Finishing) -> None:
        self._context = context
        self._finishing = finishing

    def begin(self, user: User, name: str, source: Source) -> Version:
        """A new version under the name, with the next number, that takes data (rule version-per-upload)."""
        check_name(name)
        _check_source(source)
        with self._context.catalog.write() as tx:
            now = self._context.clock()
            tx.users.lock(user.id)
            quota = self._context.quota(tx, user)
            check_quota(quota, self._unused(tx, user))
            version = tx.versions.create(user.id, name, source, now)
            shown = shown_url(source.location) if source.kind is SourceKind.ARCHIVE else source.location
            tx.versions.record(version.id, EventKind.CREATED, user.name, shown, now)
        try:
            self._context.storage.begin(version.id)
        except BaseException:
            self.drop(user, version.id)
            raise
        return version

    def sink(self, user: User, version_id: str) -> ObjectSink:
        """Where a client on this machine writes the objects of a version that is begun."""
        return Sink(self._context.storage, version_id, lambda: self._mark_active(user, version_id))

    def publish(self, user: User, version_id: str, manifest: Manifest) -> Version:
        """The objects of this manifest are in the sink: the version, available."""
        with self._context.catalog.read() as tx:
            version = owned(tx, user, version_id)
        check_open(version)
        for name in {file.object for file in manifest.files}:
            self._context.storage.size(version_id, name)  # raises, where it is missing
        return self._finishing.publish(version, manifest, user.name)

    def _mark_active(self, user: User, version_id: str) -> None:
        with self._context.catalog.write() as tx:
            check_open(owned(tx, user, version_id, lock=True))
            tx.versions.mark_active(version_id, self._context.clock())

    def drop(self, user: User, version_id: str) -> None:
        """Forget a version that was never finished, and leave no byte of it; its number stays used."""
        with self._context.catalog.write() as tx:
            now = self._context.clock()
            version = owned(tx, user, version_id, lock=True)
            if version.phase.unfinished:
                with suppress(OSError):  # what cannot be erased now is by the removal
                    self._context.storage.erase(version_id)  # first: a full disk has no room for the catalog, either
                tx.versions.mark_deleted(version.id, "", now)
                tx.versions.record(version.id, EventKind.DELETED, user.name, "never finished", now)
        self._context.queued()

    def announce(self, user: User, version_id: str, parts_of: Mapping[str, int]) -> list[Upload]:
        """The uploads of these keys, in order, each with its count of parts."""
        for key, parts in parts_of.items():
            check_path(key)
            if not 1 <= parts <= MOST_PARTS:
                raise InvalidInput(f"{key!r} has {parts} parts; 1 to {MOST_PARTS} are allowed.")
        with self._context.catalog.write() as tx:
            check_open(owned(tx, user, version_id, lock=True))
            now = self._context.clock()
            tx.versions.mark_active(version_id, now)
            expires_at = now + URL_LIFE
            return tx.versions.open_uploads(version_id, dict(parts_of), expires_at)

    @contextmanager
    def part(self, upload_id: str, number: int) -> Iterator[BinaryIO]:
        """Write one part; it counts when the context ends. A finished version takes none (version-immutable)."""
        with self._context.catalog.read() as tx:
            upload = tx.versions.upload(upload_id)
            version = tx.versions.get(upload.version_id) if upload else None
        if upload is None or version is None or not 1 <= number <= upload.parts:
            raise NotFound.id("upload", upload_id)
        check_open(version)
        storage = self._context.storage
        self._still_active(version)
        with storage.new_object(version.id, storage.part_name(upload_id, number)) as target:
            yield target
        self._still_active(version)

    def _still_active(self, version: Version) -> None:
        """Keep the upload from expiring while its parts arrive; a part seldom has to write that down."""
        now = self._context.clock()
        soon = timedelta(seconds=self._context.limits.upload_expiry / 4)
        with self._context.catalog.read() as tx:
            idle = version in tx.versions.abandoned(now - soon)
        if idle:
            with self._context.catalog.write() as tx:
                tx.versions.mark_active(version.id, now)

    def complete_objects(self, user: User, version_id: str, objects: Sequence[CompletedObject]) -> None:
        """These objects have arrived, as their ETags say."""
        with self._context.catalog.read() as tx:
            check_open(owned(tx, user, version_id))
            uploads = {upload.id: upload for upload in tx.versions.uploads(version_id)}
        for item in objects:
            upload = uploads.get(item.upload_id)
            if upload is None or upload.key != item.key:
                raise NotFound.id("upload", item.upload_id)
            if not upload.completed:
                try:
                    self._assemble(upload, item)
                except (UploadInvalid, NotFound):
                    if not self._completed(upload):  # by the same word, sent twice
                        raise
        with self._context.catalog.write() as tx:
            tx.versions.complete_uploads([item.upload_id for item in objects])
        for item in objects:
            self._context.storage.drop_parts(version_id, item.upload_id, uploads[item.upload_id].parts)

    def _completed(self, upload: Upload) -> bool:
        with self._context.catalog.read() as tx:
            current = tx.versions.upload(upload.id)
        return current is None or current.completed

    def _assemble(self, upload: Upload, item: CompletedObject) -> None:
        storage = self._context.storage
        if sorted(item.etags) != list(range(1, upload.parts + 1)):
            raise UploadInvalid(f"{upload.key!r} has {upload.parts} parts; {len(item.etags)} were completed.")
        for number, etag in item.etags.items():
            if storage.part_digest(upload.version_id, upload.id, number) != etag.strip('"'):
                raise UploadInvalid(f"Part {number} of {upload.key!r} did not arrive as it was sent.")
        storage.assemble(upload.version_id, upload.id, upload.parts, object_name(upload))

    def announce_manifest(self, user: User, version_id: str, data: bytes) -> None:
        """The client's own manifest, whose objects are the uploads' keys; it is checked before it counts."""
        with self._context.catalog.read() as tx:
            check_open(owned(tx, user, version_id))
        Manifest.decode(data)
        with self._context.storage.new_object(version_id, ANNOUNCED) as target:
            target.write(data)

    def complete(self, user: User, version_id: str) -> None:
        """All is there, or can be fetched: the version takes no more data and is finished in the background."""
        with self._context.catalog.write() as tx:
            version = owned(tx, user, version_id, lock=True)
            check_open(version)
            uploads = tx.versions.uploads(version_id)
            if not uploads and version.source.kind is SourceKind.FILES:
                raise UploadInvalid("Nothing was uploaded; a version needs at least one file.")
            if missing := [upload.key for upload in uploads if not upload.completed]:
                raise UploadInvalid(f"{len(missing)} objects are not complete yet, {missing[0]!r} is one.")
            tx.versions.set_phase(version_id, Phase.OPTIMIZING)
        self._context.queued()

    def _unused(self, tx: Transaction, user: User) -> list[VersionRef]:
        now = self._context.clock()
        taking = [v for v in tx.versions.of_owner(user.id) if v.phase.takes_place]
        free = [v for v in taking if not tx.workloads.holders(v.id, now)]
        return [v.ref for v in sorted(free, key=lambda v: v.last_used_at or v.created_at)]


def _check_source(source: Source) -> None:
    """A source that the server is to fetch is an address of its kind; a path of files is told, not asked."""
    if source.kind is SourceKind.FILES:
        return
    if parse_source(source.location, no_copy=source.kind is SourceKind.REFERENCE).kind is not source.kind:
        raise InvalidInput(f"{source.location[:60]!r} is no address of this kind of source.")
