"""Making a version: begin, take objects, finish. Until it is finished it can be dropped; then never changed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from itertools import groupby
from typing import TYPE_CHECKING, BinaryIO

from grid_datastores.errors import InvalidInput, NotFound, Refusal, UploadInvalid
from grid_datastores.model import EventKind, Phase
from grid_datastores.rules import check_name, check_open, check_quota
from grid_datastores.service.context import Context, owned
from grid_datastores.storage import Manifest, check_path, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from grid_datastores.catalog import Transaction, Upload
    from grid_datastores.model import Source, User, Version, VersionRef
    from grid_datastores.storage import LocalStorage, ObjectSink

URL_LIFE = timedelta(hours=24)
MOST_PARTS = 10_000
_ANNOUNCED = "announced.jsonl"  # the client's manifest, kept until it is checked against the bytes


@dataclass(frozen=True, slots=True)
class CompletedObject:
    """What a client says of an object that it has sent: the ETag of each part, by number."""

    key: str
    upload_id: str
    etags: Mapping[int, str]


class Uploads:
    """The use cases of uploading."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def begin(self, user: User, name: str, source: Source) -> Version:
        """A new version under the name, with the next number, that takes data (rule version-per-upload)."""
        check_name(name)
        with self._context.catalog.write() as tx:
            now = self._context.clock()
            tx.users.lock(user.id)
            quota = self._context.quota(tx, user)
            check_quota(quota, self._unused(tx, user))
            version = tx.versions.create(user.id, name, source, now)
            tx.versions.record(version.id, EventKind.CREATED, user.name, source.location, now)
        try:
            self._context.storage.begin(version.id)
        except BaseException:
            self.drop(user, version.id)
            raise
        return version

    def sink(self, user: User, version_id: str) -> ObjectSink:
        """Where a client on this machine writes the objects of a version that is begun."""
        return _Sink(self._context.storage, version_id, lambda: self._mark_active(user, version_id))

    def publish(self, user: User, version_id: str, manifest: Manifest) -> Version:
        """The objects of this manifest are in the sink: the version, available."""
        with self._context.catalog.read() as tx:
            version = owned(tx, user, version_id)
        check_open(version)
        return self._publish(version, manifest, user.name)

    def _mark_active(self, user: User, version_id: str) -> None:
        with self._context.catalog.write() as tx:
            check_open(owned(tx, user, version_id, lock=True))
            tx.versions.mark_active(version_id, self._context.clock())

    def drop(self, user: User, version_id: str) -> None:
        """Forget a version that was never finished, and leave no byte of it; its number stays used."""
        with self._context.catalog.read() as tx:
            unfinished = owned(tx, user, version_id).phase.unfinished
        if unfinished:  # a full disk has no room for the next transaction, either
            self._context.storage.erase(version_id)
        with self._context.catalog.write() as tx:
            now = self._context.clock()
            version = owned(tx, user, version_id, lock=True)
            if version.phase.unfinished:
                tx.versions.mark_deleted(version.id, user.name, now)
                tx.versions.record(version.id, EventKind.DELETED, user.name, "never finished", now)
        self._context.queued()

    def expire(self) -> None:
        """Drop the uploads that nobody has gone on with for too long (rule upload-resumed)."""
        limit = timedelta(seconds=self._context.limits.upload_expiry)
        with self._context.catalog.read() as tx:
            abandoned = tx.versions.abandoned(self._context.clock() - limit)
        for version in abandoned:
            self._fail(version, "the upload was not finished in time", limit)

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
        with storage.new_object(version.id, storage.part_name(upload_id, number)) as target:
            yield target

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
                self._assemble(upload, item)
        with self._context.catalog.write() as tx:
            tx.versions.complete_uploads([item.upload_id for item in objects])

    def _assemble(self, upload: Upload, item: CompletedObject) -> None:
        storage = self._context.storage
        if sorted(item.etags) != list(range(1, upload.parts + 1)):
            raise UploadInvalid(f"{upload.key!r} has {upload.parts} parts; {len(item.etags)} were completed.")
        for number, etag in item.etags.items():
            if storage.part_digest(upload.version_id, upload.id, number) != etag.strip('"'):
                raise UploadInvalid(f"Part {number} of {upload.key!r} did not arrive as it was sent.")
        storage.assemble(upload.version_id, upload.id, upload.parts, _object_name(upload))

    def announce_manifest(self, user: User, version_id: str, data: bytes) -> None:
        """The client's own manifest, whose objects are the uploads' keys; it is checked before it counts."""
        with self._context.catalog.read() as tx:
            check_open(owned(tx, user, version_id))
        Manifest.decode(data)
        with self._context.storage.new_object(version_id, _ANNOUNCED) as target:
            target.write(data)

    def complete(self, user: User, version_id: str) -> None:
        """All objects have arrived: the version takes no more data and is finished in the background."""
        with self._context.catalog.write() as tx:
            check_open(owned(tx, user, version_id, lock=True))
            uploads = tx.versions.uploads(version_id)
            if not uploads:
                raise UploadInvalid("Nothing was uploaded; a version needs at least one file.")
            if missing := [upload.key for upload in uploads if not upload.completed]:
                raise UploadInvalid(f"{len(missing)} objects are not complete yet, {missing[0]!r} is one.")
            tx.versions.set_phase(version_id, Phase.OPTIMIZING)
        self._context.queued()

    def finish_waiting(self) -> None:
        """Finish every version that is optimizing; one that cannot be finished has failed, and says why."""
        with self._context.catalog.read() as tx:
            waiting = [(version, tx.users.get(version.owner_id)) for version in tx.versions.in_phase(Phase.OPTIMIZING)]
        for version, user in waiting:
            try:
                self._publish(version, self._received(version), user.name if user else "")
            except Refusal as error:
                self._fail(version, error.message)

    def _received(self, version: Version) -> Manifest:
        storage = self._context.storage
        with self._context.catalog.read() as tx:
            uploads = tx.versions.uploads(version.id)
        names = {upload.key: _object_name(upload) for upload in uploads}
        try:
            announced = Manifest.decode(b"".join(storage.read(version.id, _ANNOUNCED)))
        except NotFound:
            files = [_Received(storage, version.id, key, name) for key, name in sorted(names.items())]
            packed = pack(files, _Sink(storage, version.id), lambda _: None)
            return Manifest.of(entry for _name, entries in packed for entry in entries)
        if unknown := {file.object for file in announced.files} - set(names):
            raise UploadInvalid(f"The manifest names an object that was not uploaded: {min(unknown)!r}.")
        if unnamed := set(names) - {file.object for file in announced.files}:
            raise UploadInvalid(f"The manifest leaves out an object that was uploaded: {min(unnamed)!r}.")
        manifest = Manifest(tuple(replace(file, object=names[file.object]) for file in announced.files))
        check_bytes(storage, version.id, manifest)
        return manifest

    def _publish(self, version: Version, manifest: Manifest, actor: str) -> Version:
        self._context.storage.publish(version.id, manifest)
        with self._context.catalog.write() as tx:
            now = self._context.clock()
            current = tx.versions.get(version.id, lock=True)
            if current is None or not current.phase.unfinished:
                tx.versions.queue_removal(version.id, now)
                return current or version
            size, count = manifest.size_bytes, len(manifest.files)
            tx.versions.finish(version.id, size=size, files=count, fingerprint=manifest.fingerprint, at=now)
            tx.versions.record(version.id, EventKind.UPLOADED, actor, f"{count} files, {size} bytes", now)
            return tx.versions.get(version.id) or version

    def _fail(self, version: Version, why: str, idle: timedelta | None = None) -> None:
        """The version has failed, unless it went on meanwhile: to another phase or, with `idle`, within that time."""
        with self._context.catalog.write() as tx:
            now = self._context.clock()
            current = tx.versions.get(version.id, lock=True)
            if current is None or current.phase is not version.phase:
                return
            if idle is not None and current not in tx.versions.abandoned(now - idle):
                return
            tx.versions.set_phase(version.id, Phase.FAILED, why)
            tx.versions.record(version.id, EventKind.FAILED, "", why, now)
            tx.versions.queue_removal(version.id, now)
        self._context.queued()

    def _unused(self, tx: Transaction, user: User) -> list[VersionRef]:
        now = self._context.clock()
        free = [v for v in tx.versions.of_owner(user.id) if not tx.workloads.holders(v.id, now)]
        return [v.ref for v in sorted(free, key=lambda v: v.last_used_at or v.created_at)]


def check_bytes(storage: LocalStorage, version_id: str, manifest: Manifest) -> None:
    """Every file's bytes are where the manifest says, with its SHA-256, and no two files share any."""
    by_place = sorted(manifest.files, key=lambda file: (file.object, file.offset))
    for name, files in groupby(by_place, key=lambda file: file.object):
        end, size = 0, storage.size(version_id, name)
        for file in files:
            if file.offset < end or file.offset + file.size > size:
                raise UploadInvalid(f"The manifest places {file.path!r} where its bytes are not.")
            digest = sha256()
            for chunk in storage.read(version_id, name, file.offset, file.size):
                digest.update(chunk)
            if digest.hexdigest() != file.sha256:
                raise UploadInvalid(f"The bytes of {file.path!r} are not the ones that its manifest tells.")
            end = file.offset + file.size


def _object_name(upload: Upload) -> str:
    return f"object-{upload.id}"


@dataclass(frozen=True, slots=True)
class _Sink:
    storage: LocalStorage
    version_id: str
    begun: Callable[[], object] = lambda: None

    def object(self, name: str, _size: int | None) -> AbstractContextManager[BinaryIO]:
        self.begun()
        return self.storage.new_object(self.version_id, name)


@dataclass(frozen=True, slots=True)
class _Received:
    """A file that a stock client sent as an object of its own, on its way into a pack."""

    storage: LocalStorage
    version_id: str
    path: str
    name: str

    @property
    def size(self) -> int:
        return self.storage.size(self.version_id, self.name)

    def chunks(self) -> Iterator[bytes]:
        return self.storage.read(self.version_id, self.name)
