"""Making a version: begin, take objects, complete. Only an unfinished version can change or be abandoned."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from grid_datastores.domain.errors import (
    Busy,
    CatalogFailed,
    InvalidInput,
    NoSpace,
    NotFound,
    QuotaReached,
    Refusal,
    UploadInvalid,
)
from grid_datastores.domain.model import EventKind, FileEntry, Phase, Source, SourceKind, Version
from grid_datastores.domain.naming import check_location, check_name, shown_location
from grid_datastores.domain.rules import MAX_PARTS, check_open, check_quota
from grid_datastores.domain.text import counted
from grid_datastores.service.activity import Activity, NotifyingWriter
from grid_datastores.service.context import Context, owned
from grid_datastores.service.finishing import CLIENT_MANIFEST, Finishing, Sink, object_name
from grid_datastores.service.removal import remove
from grid_datastores.sources import parse_source
from grid_datastores.storage import Manifest, check_path, pack
from grid_datastores.storage.space import NO_SPACE_TO_FETCH, raising_no_space
from grid_datastores.system.files import temporary_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from grid_datastores.catalog import Transaction
    from grid_datastores.domain.model import Upload, User, VersionRef
    from grid_datastores.storage import Assembled, FileToPack, ObjectSink, PartWriter

URL_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class CompletedObject:
    """An object that the client has sent completely: the ETag of each part, by part number."""

    key: str
    upload_id: str
    etags: Mapping[int, str]

    @property
    def ordered_etags(self) -> list[str]:
        """The ETags by part number, without quotation marks."""
        return [etag.strip('"') for _number, etag in sorted(self.etags.items())]


@dataclass(frozen=True, slots=True)
class ReceivedPart(NotifyingWriter):
    """A part that arrives."""

    target: PartWriter

    @property
    def etag(self) -> str:
        """The ETag of what has arrived."""
        return self.target.etag


class Uploads:
    """The use cases of uploading."""

    def __init__(self, context: Context, finishing: Finishing) -> None:
        self._context = context
        self._finishing = finishing

    def check_room(self, user: User) -> None:
        """Raise `QuotaReached` if the quota is reached now (rule quota-limit). `begin` checks it again."""
        with self._context.catalog.read() as tx:
            quota = self._context.quota(tx, user)
            check_quota(quota, self._unused_versions(tx, user) if quota.full else ())

    def begin(
        self, user: User, name: str, source: Source, before: Callable[[Version], object] | None = None
    ) -> Version:
        """Create a version under the name, with the next number, that accepts data.

        Calls `before` with the version before it exists, while nobody waits for it. Its number is then the one that is
        next, but another version may take it first. Raises `QuotaReached`, `InvalidInput` and, if the user may not
        fetch the source, `SourceFailed`.
        Enforces version-per-upload.
        """
        check_name(name)
        _check_source(source)
        if source.kind.is_fetched:
            self._check_allowed(user, source)
        shown = replace(source, location=shown_location(source.location))
        version_id = uuid4().hex
        if before:
            before(self._planned(user, name, shown, version_id))
        with self._context.catalog.write() as tx:
            now = self._context.clock()
            tx.users.lock(user.id)
            quota = self._context.quota(tx, user)
            check_quota(quota, self._unused_versions(tx, user) if quota.full else ())
            fetch_url = source.location if source.kind is SourceKind.ARCHIVE else None
            expiry = self._context.limits.upload_expiry
            active = self._context.leases.now(tx)
            version = tx.versions.create(
                user.id,
                name,
                shown,
                now,
                active_at=active,
                expiry_seconds=expiry,
                fetch_url=fetch_url,
                version_id=version_id,
            )
            tx.versions.record(version.id, EventKind.CREATED, user.name, shown.location, now)
        with self._abandoning(user, version):
            self._context.storage.begin(version.id)
        return version

    def _planned(self, user: User, name: str, source: Source, version_id: str) -> Version:
        """Return a version as it would be created now. Raises `QuotaReached`."""
        with self._context.catalog.read() as tx:
            quota = self._context.quota(tx, user)
            check_quota(quota, self._unused_versions(tx, user) if quota.full else ())
            ref = tx.versions.next_ref(user.id, name)
        return Version(version_id, user.id, ref, source, Phase.UPLOADING, self._context.clock())

    @contextmanager
    def _abandoning(self, user: User, version: Version) -> Iterator[None]:
        """Abandon the version if the block fails. If the catalog refuses that, the version expires later."""
        try:
            yield
        except BaseException:
            with suppress(Refusal):
                self.abandon(user, version.id)
            raise

    def _check_allowed(self, user: User, source: Source) -> None:
        from grid_datastores.sources.addresses import check_allowed

        limits = self._context.limits
        check_allowed(source, user.name, limits.allowed_hosts, limits.allowed_buckets)

    def create(self, user: User, name: str, source: Source, files: Sequence[FileToPack]) -> Version:
        """Create an available version of these files and return it. If this fails, the version is abandoned.

        Paths that a version cannot have are refused before it takes a number.
        """
        Manifest.of(FileEntry(file.path, file.size, "", "", 0) for file in files)
        version = self.begin(user, name, source)
        with self._abandoning(user, version):
            packed = pack(files, self.sink(user, version.id), lambda _count: None)
            manifest = Manifest.of(entry for _name, entries in packed for entry in entries)
            return self.publish(user, version.id, manifest)

    def fetch(self, user: User, name: str, source: Source) -> Version:
        """Create a version whose data the server fetches in the background, and return it as it is now."""
        version = self.begin(user, name, source)
        with self._abandoning(user, version):
            self.complete(user, version.id)
        return version

    @contextmanager
    def temporary_file(self) -> Iterator[BinaryIO]:
        """Yield a temporary file for data that cannot be stored yet, then erase the file. Raises `NoSpace`."""
        with temporary_file(self._context.scratch) as file, raising_no_space(NO_SPACE_TO_FETCH):
            yield file

    def sink(self, user: User, version_id: str) -> ObjectSink:
        """Return the sink into which a client on this machine writes the version's objects."""
        activity = self.activity(user, version_id)
        self._ensure_begun(user, version_id)
        return Sink(self._context.storage, version_id, lambda: self._open(user, version_id), activity.record)

    def activity(self, user: User, version_id: str) -> Activity:
        """Return the activity that keeps the user's version from expiring while its bytes arrive."""
        with self._context.catalog.read() as tx:
            check_open(owned(tx, user, version_id))
        return Activity(self._context, version_id)

    def publish(self, user: User, version_id: str, manifest: Manifest) -> Version:
        """Make the version available with the objects of this manifest, all written to its sink. Return the version."""
        with self._context.catalog.read() as tx:
            version = owned(tx, user, version_id)
        check_open(version)
        with Activity(self._context, version_id).keep_alive():
            for name in {file.object for file in manifest.files}:
                self._context.storage.size(version_id, name)  # raises if it is missing
            return self._finishing.publish(version, manifest, user.name)

    @contextmanager
    def _open(self, user: User, version_id: str) -> Iterator[Transaction]:
        """Lock the version until the context ends and mark it as active. Raises a refusal if it accepts no more data.

        Until then, no other transaction completes, finishes or abandons it.
        """
        with self._context.catalog.write() as tx:
            check_open(owned(tx, user, version_id, lock=True))
            tx.versions.mark_active(version_id, self._context.leases.now(tx))
            yield tx

    def _ensure_begun(self, user: User, version_id: str) -> None:
        """Prepare the version in storage, unless `begin` has: its process may have been killed in between."""
        if not self._context.storage.begun(version_id):
            with self._open(user, version_id):
                self._context.storage.begin(version_id)

    def abandon(self, user: User, version_id: str) -> None:
        """Delete an unfinished version and erase its bytes. Its number stays used (rule version-number-unused)."""
        try:
            abandoned = self._mark_abandoned(user, version_id)
        except NoSpace:
            abandoned = self._mark_abandoned(user, version_id, erase_first=True)
        if abandoned:
            with suppress(Busy, CatalogFailed, NoSpace):  # it stays queued for the removal
                remove([abandoned], self._context)

    def _mark_abandoned(self, user: User, version_id: str, *, erase_first: bool = False) -> Version | None:
        """Mark an unfinished version as deleted and return it, or return None if it is finished.

        With `erase_first`, erase its bytes before, so that a full disk has space for the catalog's change.
        """
        with self._context.catalog.write() as tx:
            now = self._context.clock()
            version = owned(tx, user, version_id, lock=True)
            if not version.phase.unfinished:
                return None
            if erase_first:
                with suppress(OSError):  # the removal retries
                    self._context.storage.erase(version_id)
            tx.versions.mark_deleted(version.id, "", now)
            tx.versions.record(version.id, EventKind.DELETED, user.name, "never finished", now)
        return version

    def announce(self, user: User, version_id: str, parts_of: Mapping[str, int]) -> list[Upload]:
        """Return the uploads of these keys, in order. `parts_of` maps each key to its number of parts."""
        for key, parts in parts_of.items():
            check_path(key)
            if not 1 <= parts <= MAX_PARTS:
                raise InvalidInput(f"{key!r} has {parts} parts; 1 to {MAX_PARTS} are allowed.")
        expires = self._context.leases.latest() + URL_LIFETIME
        with self._open(user, version_id) as tx:
            return tx.versions.open_uploads(version_id, dict(parts_of), expires)

    def stored_parts(self, version_id: str, uploads: Sequence[Upload]) -> dict[tuple[str, int], str]:
        """Return the ETags of all completely stored parts, by upload id and part number (rule upload-resumed)."""
        counts = {upload.id: upload.parts for upload in uploads}
        with Activity(self._context, version_id).keep_alive():
            return self._context.storage.stored_parts(version_id, counts)

    def owner_of(self, upload_id: str) -> str:
        """Return the id of the user who owns an upload, or "" if there is no such upload."""
        with self._context.catalog.read() as tx:
            upload = tx.versions.upload(upload_id)
            version = tx.versions.get(upload.version_id) if upload else None
        return version.owner_id if version else ""

    @contextmanager
    def part(self, upload_id: str, number: int, size: int | None = None) -> Iterator[ReceivedPart]:
        """Yield a writer for one part, which counts when the context ends. Raises `NotFound` and `Immutable`.

        A client that announces the size, in bytes, has to send exactly as many.
        Enforces version-immutable.
        """
        with self._context.catalog.read() as tx:
            upload = tx.versions.upload(upload_id)
            version = tx.versions.get(upload.version_id) if upload else None
            owner = tx.users.get(version.owner_id) if version else None
        if version is None or owner is None or upload is None or not 1 <= number <= upload.parts:
            raise NotFound.id("upload", upload_id)
        check_open(version)
        activity = Activity(self._context, version.id)
        activity.record()
        storage, open_for = self._context.storage, partial(self._open, owner, version.id)
        with storage.new_part(version.id, upload, number, size, open_for) as target:
            yield ReceivedPart(target, activity.record)

    def complete_objects(self, user: User, version_id: str, objects: Sequence[CompletedObject]) -> None:
        """Assemble these objects from their parts and check the parts' ETags. Raises `UploadInvalid`.

        Reading the parts takes time, so it happens without the version's lock. Under the lock, each object is named
        once.
        """
        with self._context.catalog.read() as tx:
            check_open(owned(tx, user, version_id))
            uploads = {upload.id: upload for upload in tx.versions.uploads(version_id)}
        assembled: dict[str, Assembled] = {}
        try:
            with Activity(self._context, version_id).keep_alive():
                for item in objects:
                    upload = uploads.get(item.upload_id)
                    if upload is None or upload.key != item.key:
                        raise NotFound.id("upload", item.upload_id)
                    if not upload.completed and upload.id not in assembled:
                        assembled |= self._assemble(upload, item)
                self._publish_objects(user, version_id, assembled)
        finally:
            for whole in assembled.values():
                whole.discard()
        for item in objects:
            self._context.storage.discard_parts(version_id, item.upload_id, item.ordered_etags)

    def _publish_objects(self, user: User, version_id: str, assembled: Mapping[str, Assembled]) -> None:
        with self._open(user, version_id) as tx:
            for upload in tx.versions.uploads(version_id):
                if upload.id in assembled and not upload.completed:
                    assembled[upload.id].commit()
            self._context.storage.sync(version_id)
            tx.versions.complete_uploads(list(assembled))

    def _completed(self, upload: Upload) -> bool:
        with self._context.catalog.read() as tx:
            current = tx.versions.upload(upload.id)
        return current is None or current.completed

    def _assemble(self, upload: Upload, item: CompletedObject) -> dict[str, Assembled]:
        """Return the object by its upload's id, or {} if a concurrent request has completed the same upload."""
        if sorted(item.etags) != list(range(1, upload.parts + 1)):
            raise UploadInvalid(f"{upload.key!r} has {upload.parts} parts, but {len(item.etags)} were completed.")
        etags = item.ordered_etags
        whole = self._context.storage.assemble(upload.version_id, upload.id, etags, object_name(upload))
        for number, (digest, etag) in enumerate(zip(whole.digests, etags, strict=True), 1):
            if not digest or digest != etag:
                whole.discard()
                if self._completed(upload):
                    return {}
                raise UploadInvalid(f"Part {number} of {upload.key!r} does not match its ETag. Send the part again.")
        return {upload.id: whole}

    def announce_manifest(self, user: User, version_id: str, data: bytes) -> None:
        """Store the client's own manifest, whose objects are the uploads' keys. It is verified before it counts."""
        with self._context.catalog.read() as tx:
            check_open(owned(tx, user, version_id))
        announced = Manifest.decode(data)
        Manifest.of(announced.files, announced.folders)
        with self._context.storage.new_object(
            version_id, CLIENT_MANIFEST, lambda: self._open(user, version_id)
        ) as target:
            target.write(data)

    def complete(self, user: User, version_id: str) -> None:
        """Close the version to further data. It is finished in the background.

        Raises `UploadInvalid` if an object is incomplete, or if there is none.
        """
        self._ensure_begun(user, version_id)
        with self._open(user, version_id) as tx:
            version = owned(tx, user, version_id)
            uploads = tx.versions.uploads(version_id)
            if not uploads and version.source.kind is SourceKind.FILES:
                raise UploadInvalid("Nothing was uploaded. A version needs at least one file.")
            if missing := [upload.key for upload in uploads if not upload.completed]:
                raise UploadInvalid(_incomplete(missing, len(uploads)))
            tx.versions.close(version, self._context.leases.now(tx))
        self._context.wake_workers()

    def _unused_versions(self, tx: Transaction, user: User) -> list[VersionRef]:
        """Return the versions that are not in use, unused longest first: one more than the refusal lists."""
        now = self._context.leases.now(tx)
        unused = tx.versions.unused_longest(user.id, now, limit=QuotaReached.MAX_LISTED + 1)
        return [version.ref for version in unused]


def _check_source(source: Source) -> None:
    """Check the location. If the server must fetch it, it must be an address of this kind. Raises `InvalidInput`."""
    check_location(source.location)
    if source.kind is SourceKind.FILES:
        return
    if parse_source(source.location, no_copy=source.kind is SourceKind.REFERENCE).kind is not source.kind:
        raise InvalidInput(f"{shown_location(source.location)[:60]!r} is not an address of this kind of source.")


def _incomplete(keys: Sequence[str], total: int) -> str:
    verb, example = ("is", f": {keys[0]!r}") if len(keys) == 1 else ("are", f", for example {keys[0]!r}")
    return f"{len(keys)} of {counted(total, 'object')} {verb} incomplete{example}."
