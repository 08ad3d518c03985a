"""Making a version: begin, take objects, finish. Until it is finished it can be dropped; then never changed."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import CatalogFailed, InvalidInput, NoSpace, NotFound, UploadInvalid
from grid_datastores.domain.model import EventKind, Source, SourceKind
from grid_datastores.domain.naming import check_location, check_name, shown_location
from grid_datastores.domain.rules import check_open, check_quota
from grid_datastores.service.activity import Activity, Watched
from grid_datastores.service.context import Context, owned
from grid_datastores.service.finishing import ANNOUNCED, Finishing, Sink, object_name
from grid_datastores.service.removal import remove
from grid_datastores.sources import parse_source
from grid_datastores.storage import Manifest, check_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grid_datastores.catalog import Transaction
    from grid_datastores.domain.model import Upload, User, Version, VersionRef
    from grid_datastores.storage import Assembled, ObjectSink, Writer

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

    def check_room(self, user: User) -> None:
        """One more version fits now (rule quota-limit); beginning one asks again."""
        with self._context.catalog.read() as tx:
            quota = self._context.quota(tx, user)
            check_quota(quota, self._unused(tx, user) if quota.full else ())

    def begin(self, user: User, name: str, source: Source) -> Version:
        """A new version under the name, with the next number, that takes data (rule version-per-upload)."""
        check_name(name)
        _check_source(source)
        with self._context.catalog.write() as tx:
            now = self._context.clock()
            tx.users.lock(user.id)
            quota = self._context.quota(tx, user)
            check_quota(quota, self._unused(tx, user) if quota.full else ())
            shown = replace(source, location=shown_location(source.location))
            fetch_url = source.location if source.kind is SourceKind.ARCHIVE else None
            expiry = self._context.limits.upload_expiry
            version = tx.versions.create(user.id, name, shown, now, expiry_seconds=expiry, fetch_url=fetch_url)
            tx.versions.record(version.id, EventKind.CREATED, user.name, shown.location, now)
        try:
            self._context.storage.begin(version.id)
        except BaseException:
            self.drop(user, version.id)
            raise
        return version

    def sink(self, user: User, version_id: str) -> ObjectSink:
        """Where a client on this machine writes the objects of a version that is begun."""
        activity = self.activity(user, version_id)
        return Sink(self._context.storage, version_id, lambda: self._open(user, version_id), activity.note)

    def activity(self, user: User, version_id: str) -> Activity:
        """What keeps the user's version from expiring while its bytes arrive."""
        with self._context.catalog.read() as tx:
            check_open(owned(tx, user, version_id))
        return Activity(self._context, version_id)

    def publish(self, user: User, version_id: str, manifest: Manifest) -> Version:
        """The objects of this manifest are in the sink: the version, available."""
        with self._context.catalog.read() as tx:
            version = owned(tx, user, version_id)
        check_open(version)
        with Activity(self._context, version_id).going_on():
            for name in {file.object for file in manifest.files}:
                self._context.storage.size(version_id, name)  # raises, where it is missing
            return self._finishing.publish(version, manifest, user.name)

    @contextmanager
    def _open(self, user: User, version_id: str) -> Iterator[Transaction]:
        """The version takes data, and nobody completes, finishes or drops it until the context ends.

        It is active, so it does not expire.
        """
        with self._context.catalog.write() as tx:
            check_open(owned(tx, user, version_id, lock=True))
            tx.versions.mark_active(version_id, self._context.clock())
            yield tx

    def drop(self, user: User, version_id: str) -> None:
        """Forget a version that was never finished, and leave no byte of it; its number stays used."""
        try:
            dropped = self._mark_dropped(user, version_id)
        except NoSpace:
            dropped = self._mark_dropped(user, version_id, erased=True)
        if dropped:
            with suppress(CatalogFailed, NoSpace):  # then it stays queued
                remove(dropped, self._context.catalog, self._context.storage, self._context.clock)

    def _mark_dropped(self, user: User, version_id: str, *, erased: bool = False) -> Version | None:
        """The version, when it was unfinished; its bytes are queued, or `erased` first, to make room for saying so."""
        with self._context.catalog.write() as tx:
            now = self._context.clock()
            version = owned(tx, user, version_id, lock=True)
            if not version.phase.unfinished:
                return None
            if erased:
                with suppress(OSError):  # what cannot be erased now is by the removal
                    self._context.storage.erase(version_id)
            tx.versions.mark_deleted(version.id, "", now)
            tx.versions.record(version.id, EventKind.DELETED, user.name, "never finished", now)
        return version

    def announce(self, user: User, version_id: str, parts_of: Mapping[str, int]) -> list[Upload]:
        """The uploads of these keys, in order, each with its count of parts."""
        for key, parts in parts_of.items():
            check_path(key)
            if not 1 <= parts <= MOST_PARTS:
                raise InvalidInput(f"{key!r} has {parts} parts; 1 to {MOST_PARTS} are allowed.")
        with self._open(user, version_id) as tx:
            return tx.versions.open_uploads(version_id, dict(parts_of), self._context.clock() + URL_LIFE)

    def arrived(self, version_id: str, uploads: Sequence[Upload]) -> dict[tuple[str, int], str]:
        """The ETags of the parts that are there whole, by upload and number; not of one that is under way."""
        storage = self._context.storage
        there = storage.names(version_id)
        parts = ((upload.id, number) for upload in uploads for number in range(1, upload.parts + 1))
        with Activity(self._context, version_id).going_on():
            return {
                part: digest
                for part in parts
                if storage.part_name(*part) in there and (digest := storage.part_digest(version_id, *part)) is not None
            }

    @contextmanager
    def part(self, upload_id: str, number: int) -> Iterator[Writer]:
        """Write one part; it counts when the context ends. A finished version takes none (version-immutable)."""
        with self._context.catalog.read() as tx:
            upload = tx.versions.upload(upload_id)
            version = tx.versions.get(upload.version_id) if upload else None
            owner = tx.users.get(version.owner_id) if version else None
        if version is None or owner is None or upload is None or not 1 <= number <= upload.parts:
            raise NotFound.id("upload", upload_id)
        with self._open(owner, version.id):
            pass
        storage = self._context.storage
        name = storage.part_name(upload_id, number)
        activity = Activity(self._context, version.id)
        with storage.new_object(version.id, name, lambda: self._open(owner, version.id)) as target:
            yield Watched(target, activity.note)
        storage.sync(version.id)

    def complete_objects(self, user: User, version_id: str, objects: Sequence[CompletedObject]) -> None:
        """These objects have arrived, as their ETags say.

        Parts are read, which takes its time, while the version is free; under its lock an object gets its name once.
        """
        with self._context.catalog.read() as tx:
            check_open(owned(tx, user, version_id))
            uploads = {upload.id: upload for upload in tx.versions.uploads(version_id)}
        made: dict[str, Assembled] = {}
        try:
            with Activity(self._context, version_id).going_on():
                for item in objects:
                    upload = uploads.get(item.upload_id)
                    if upload is None or upload.key != item.key:
                        raise NotFound.id("upload", item.upload_id)
                    if not upload.completed and upload.id not in made:
                        made |= self._assembled(upload, item)
                self._keep(user, version_id, made)
        finally:
            for whole in made.values():
                whole.discard()
        for item in objects:
            self._context.storage.drop_parts(version_id, item.upload_id, uploads[item.upload_id].parts)

    def _keep(self, user: User, version_id: str, made: Mapping[str, Assembled]) -> None:
        with self._open(user, version_id) as tx:
            for upload in tx.versions.uploads(version_id):
                if upload.id in made and not upload.completed:
                    made[upload.id].keep()
            self._context.storage.sync(version_id)
            tx.versions.complete_uploads(list(made))

    def _completed(self, upload: Upload) -> bool:
        with self._context.catalog.read() as tx:
            current = tx.versions.upload(upload.id)
        return current is None or current.completed

    def _assembled(self, upload: Upload, item: CompletedObject) -> dict[str, Assembled]:
        """The object by its upload's id; none, when the same word was sent twice and somebody else has heard it."""
        if sorted(item.etags) != list(range(1, upload.parts + 1)):
            raise UploadInvalid(f"{upload.key!r} has {upload.parts} parts; {len(item.etags)} were completed.")
        whole = self._context.storage.assemble(upload.version_id, upload.id, upload.parts, object_name(upload))
        for number, digest in enumerate(whole.digests, 1):
            if digest != item.etags[number].strip('"'):
                whole.discard()
                if self._completed(upload):
                    return {}
                raise UploadInvalid(f"Part {number} of {upload.key!r} did not arrive as it was sent.")
        return {upload.id: whole}

    def announce_manifest(self, user: User, version_id: str, data: bytes) -> None:
        """The client's own manifest, whose objects are the uploads' keys; it is checked before it counts."""
        with self._context.catalog.read() as tx:
            check_open(owned(tx, user, version_id))
        announced = Manifest.decode(data)
        Manifest.of(announced.files, announced.folders)
        with self._context.storage.new_object(version_id, ANNOUNCED, lambda: self._open(user, version_id)) as target:
            target.write(data)

    def complete(self, user: User, version_id: str) -> None:
        """All is there, or can be fetched: the version takes no more data and is finished in the background."""
        with self._open(user, version_id) as tx:
            version = owned(tx, user, version_id)
            uploads = tx.versions.uploads(version_id)
            if not uploads and version.source.kind is SourceKind.FILES:
                raise UploadInvalid("Nothing was uploaded; a version needs at least one file.")
            if missing := [upload.key for upload in uploads if not upload.completed]:
                raise UploadInvalid(f"{len(missing)} objects are not complete yet, {missing[0]!r} is one.")
            tx.versions.optimize(version_id, self._context.clock())
        self._context.queued()

    def _unused(self, tx: Transaction, user: User) -> list[VersionRef]:
        now = self._context.clock()
        taking = [v for v in tx.versions.of_owner(user.id) if v.phase.takes_place]
        free = [v for v in taking if not tx.workloads.holders(v.id, now)]
        return [v.ref for v in sorted(free, key=lambda v: v.last_used_at or v.created_at)]


def _check_source(source: Source) -> None:
    """A source that the server is to fetch is an address of its kind; a path of files is told, not asked."""
    check_location(source.location)
    if source.kind is SourceKind.FILES:
        return
    if parse_source(source.location, no_copy=source.kind is SourceKind.REFERENCE).kind is not source.kind:
        raise InvalidInput(f"{shown_location(source.location)[:60]!r} is no address of this kind of source.")
