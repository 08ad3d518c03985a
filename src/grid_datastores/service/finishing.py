"""Finishing versions in the background: verify, pack or fetch their data, then publish them."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import Damaged, NotFound, Refusal, SourceFailed, UploadInvalid
from grid_datastores.domain.model import ETAG, SINGLE_REFERENCE, EventKind, FileEntry, Phase, SourceKind
from grid_datastores.domain.rules import can_become, can_finish_later
from grid_datastores.domain.text import counted
from grid_datastores.service.activity import NotifyingWriter
from grid_datastores.service.cancellation import CancellationToken, Cancelled
from grid_datastores.service.incidents import new_incident
from grid_datastores.service.integrity import verified_files
from grid_datastores.service.turns import Turns
from grid_datastores.storage import Manifest, WithoutAttributes, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from grid_datastores.domain.model import Upload, Version
    from grid_datastores.service.context import Context
    from grid_datastores.sources.bucket import BucketFile
    from grid_datastores.storage import Storage, Writer

FETCHED_KINDS = frozenset(kind for kind in SourceKind if kind.is_fetched)  # which can take hours
UPLOADED_KINDS = frozenset(SourceKind) - FETCHED_KINDS
_IN_BACKGROUND = [phase for phase in Phase if phase.in_background]
CLIENT_MANIFEST = "announced.jsonl"  # the object with the client's manifest, until it is verified


class Finishing:
    """The use cases that run in the background."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._turns = Turns()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Cancel the running fetches and start nothing more. The next process resumes the work."""
        self._stopping.set()

    def finish_waiting(
        self,
        kinds: Collection[SourceKind] = UPLOADED_KINDS | FETCHED_KINDS,
        only: str | None = None,
        actor: str | None = None,
    ) -> None:
        """Finish every version of these kinds that waits for it, or only the version with the id `only`.

        The history names `actor`, or the owner if there is none. A version whose data is invalid becomes failed, with
        the reason as its message. A version that this process cannot finish now stays in its phase.

        Several threads and processes can run this at once: each claims versions that no other has claimed. Raises the
        first error after it has tried all versions.
        """
        errors: list[BaseException] = []
        with closing(self._to_finish(kinds, only)) as versions:
            for version in versions:
                if self._stopping.is_set():
                    break
                try:
                    self._claim_and_finish(version, actor or self._owner_of(version))
                except (KeyboardInterrupt, SystemExit):
                    raise
                except BaseException as error:  # one broken version must not block the next ones
                    errors.append(error)
        if errors:
            raise errors[0]

    def _to_finish(self, kinds: Collection[SourceKind], only: str | None) -> Generator[Version]:
        """Yield each version to finish: the uploaded ones, oldest first, then the fetches, each when it has a place."""
        yield from self._unfinished(UPLOADED_KINDS.intersection(kinds), only)
        fetched, tried = FETCHED_KINDS.intersection(kinds), set[str]()
        while fetched and (version := self._turns.take(self._unfinished(fetched, only), tried)):
            tried.add(version.id)
            try:
                yield version
            finally:
                if self._turns.end(version):
                    tried.remove(version.id)

    def _unfinished(self, kinds: Collection[SourceKind], only: str | None = None) -> list[Version]:
        with self._context.catalog.read() as tx:
            versions = [version for phase in _IN_BACKGROUND for version in tx.versions.in_phase(phase)]
        return [version for version in versions if version.source.kind in kinds and only in (None, version.id)]

    def _owner_of(self, version: Version) -> str:
        with self._context.catalog.read() as tx:
            user = tx.users.get(version.owner_id)
        return user.name if user else ""

    def publish(self, version: Version, manifest: Manifest, actor: str, note: str = "") -> Version:
        """Make the version available with the contents of the manifest, and return it.

        If the version was deleted meanwhile, this queues its removal and returns it as it is. The history records
        `note`: a remark for the user on how the source was read.
        """
        digest = ""
        with suppress(Cancelled):
            digest = self._context.storage.publish(version.id, manifest, lambda: self._locked(version.id))
        with self._context.catalog.write() as tx:
            now = self._context.clock()
            current = tx.versions.get(version.id, lock=True)
            if current and current.phase is Phase.AVAILABLE:  # another process published the same bytes
                return current
            if current is None or not can_become(current, Phase.AVAILABLE):
                tx.versions.queue_removal(version.id, now)
                return current or version
            size, count = manifest.size_bytes, len(manifest.files)
            tx.versions.finish(
                version.id,
                size=size,
                files=count,
                fingerprint=manifest.fingerprint,
                manifest_sha256=digest,
                at=now,
            )
            contents = f"{counted(count, 'file')}, {counted(size, 'byte')}"
            tx.versions.record(version.id, EventKind.UPLOADED, actor, f"{contents}; {note}" if note else contents, now)
            return tx.versions.get(version.id) or version

    @contextmanager
    def _locked(self, version_id: str) -> Iterator[None]:
        """Lock the version until the context ends. Raises `Cancelled` if it can no longer become available."""
        with self._context.catalog.write(alone=True) as tx:
            current = tx.versions.get(version_id, lock=True)
            if current is None or not can_become(current, Phase.AVAILABLE):
                raise Cancelled
            yield

    def expire(self) -> None:
        """Mark uploads and fetches as failed that were inactive longer than their expiry. Enforces upload-resumed."""
        with self._context.catalog.read() as tx:
            expired = tx.versions.expired(self._context.leases.now(tx))
        for version in expired:
            if version.phase is Phase.UPLOADING:
                self._fail(version, "the upload was not finished in time", expired=True)
                continue
            with self._context.storage.claim(version.id) as claimed:
                if claimed:
                    self._fail(version, "it was not fetched in time", expired=True)

    def _claim_and_finish(self, version: Version, actor: str) -> None:
        if not self._context.storage.begun(version.id):
            self._fail(version, "its data is missing from storage")
            return
        with self._context.storage.claim(version.id) as claimed:  # False if another thread or process has it
            if claimed:
                self._finish(version, actor)
            elif version.source.kind in FETCHED_KINDS:
                self._turns.is_elsewhere(version)

    def _finish(self, version: Version, actor: str) -> None:
        with self._context.catalog.write() as tx:
            current = tx.versions.get(version.id, lock=True)
            if current is None or not current.phase.in_background:
                return
            if current.phase is Phase.FETCHING:
                tx.versions.mark_active(version.id, self._context.leases.now(tx))
        try:
            published = self._context.storage.published_manifest(version.id)
            manifest, note = (published, "") if published else self._build_manifest(version)
            self.publish(version, manifest, actor, note)
        except Cancelled:
            return
        except Refusal as error:
            if can_finish_later(version, error):
                raise
            self._fail(version, error.public_message)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the version must not stay in its phase for ever
            self._fail(version, f"an internal error occurred: incident {new_incident(error)} in the server's log")
            raise

    def _build_manifest(self, version: Version) -> tuple[Manifest, str]:
        return (self._manifest_of_uploads(version), "") if not version.source.kind.is_fetched else self._fetch(version)

    def _manifest_of_uploads(self, version: Version) -> Manifest:
        storage = self._context.storage
        with self._context.catalog.read() as tx:
            uploads = tx.versions.uploads(version.id)
        names = {upload.key: object_name(upload) for upload in uploads}
        try:
            announced = Manifest.decode(b"".join(storage.read(version.id, CLIENT_MANIFEST)))
        except NotFound:
            files = [_UploadedFile(storage, version.id, key, name) for key, name in sorted(names.items())]
            packed = pack(files, Sink(storage, version.id), lambda _: None)
            return Manifest.of(entry for _name, entries in packed for entry in entries)
        if unknown := {file.object for file in announced.files} - set(names):
            raise UploadInvalid(f"The manifest names an object that was not uploaded: {min(unknown)!r}.")
        if unnamed := set(names) - {file.object for file in announced.files}:
            raise UploadInvalid(f"The manifest does not list an object that was uploaded: {min(unnamed)!r}.")
        placed = tuple(file._replace(object=names[file.object]) for file in announced.files)
        manifest = replace(announced, files=placed)
        verify_contents(storage, version.id, manifest)
        return manifest

    def _fetch(self, version: Version) -> tuple[Manifest, str]:
        """Fetch an archive or the objects of a bucket. For a reference, only list its objects.

        Returns the manifest and a note for the user on how the source was read ("" for none).
        """
        from grid_datastores.sources.addresses import check_bucket
        from grid_datastores.sources.bucket import BucketFile
        from grid_datastores.sources.limits import FetchLimits
        from grid_datastores.sources.remote import open_remote

        storage = self._context.storage
        hosts = self._context.limits.allowed_hosts
        token = CancellationToken(self._context, version, self._stopping, self._gives_way)
        limits = FetchLimits(check_cancelled=token.check, on_progress=partial(self._turns.add, version))
        with self._context.catalog.read() as tx:
            source = replace(version.source, location=tx.versions.fetch_url(version.id) or version.source.location)
            user = tx.users.get(version.owner_id)
        if source.kind is not SourceKind.ARCHIVE:
            check_bucket(source.location, user.name if user else "", self._context.limits.allowed_buckets)
        with open_remote(source, self._context.scratch, limits, allowed_hosts=hosts) as remote:
            if version.source.kind is SourceKind.REFERENCE:
                listed = [file for file in remote.files if isinstance(file, BucketFile)]
                return Manifest.of(_reference_entry(file, number) for number, file in enumerate(listed, 1)), remote.note
            packed = pack(remote.files, Sink(storage, version.id), limits.progress)
            manifest = Manifest.of((entry for _name, entries in packed for entry in entries), remote.folders)
        if not manifest.files:
            raise SourceFailed(f"{version.source.location} contains no file. A version needs at least one.")
        return manifest, remote.note

    def _fail(self, version: Version, why: str, *, expired: bool = False) -> None:
        """Mark the version as failed, unless its phase has changed or, with `expired`, it was active meanwhile."""
        with self._context.catalog.write() as tx:
            now = self._context.clock()
            current = tx.versions.get(version.id, lock=True)
            if current is None or current.phase is not version.phase:
                return
            if expired and not tx.versions.has_expired(version.id, self._context.leases.now(tx)):
                return
            tx.versions.fail(version.id, why, now)
            tx.versions.record(version.id, EventKind.FAILED, "", why, now)
        self._context.wake_removal()

    def _gives_way(self, version: Version) -> bool:
        """Return whether the fetch must give its place to another user's."""
        if self._turns.must_judge():
            self._turns.list(self._unfinished(FETCHED_KINDS))
            self._put_back_slowest()
        return self._turns.gives_way(version)

    def _put_back_slowest(self) -> None:
        held_up = self._turns.held_up()
        if held_up is None:
            return
        slowest, waiter = held_up
        with self._context.storage.claim(waiter.id) as free:
            if free:
                self._turns.put_back(slowest)
            else:
                self._turns.is_elsewhere(waiter)


def verify_contents(storage: Storage, version_id: str, manifest: Manifest) -> None:
    """Check that every file has its bytes at its position, with its SHA-256, and that no two files overlap.

    Raises `UploadInvalid`. Enforces version-complete.
    """
    by_position = sorted(manifest.files, key=lambda file: (file.object, file.offset))
    for name, group in groupby(by_position, key=lambda file: file.object):
        files, size = list(group), storage.size(version_id, name)
        _check_positions(files, size)
        if (path := _differing(storage, version_id, name, files, size)) is not None:
            raise UploadInvalid(f"The contents of {path!r} do not match its SHA-256 in the manifest.")


def _differing(storage: Storage, version_id: str, name: str, files: Sequence[FileEntry], size: int) -> str | None:
    """Return the path of a file in the object that does not match its SHA-256, or None."""
    first = files[0]
    if len(files) == 1 and first.size == size:
        return None if storage.sha256(version_id, name) == first.sha256 else first.path
    try:
        deque(verified_files(storage.read(version_id, name), files, 0), maxlen=0)
    except Damaged as error:
        if (path := error.metadata.get("file")) is None:
            raise
        return path
    return None


def _check_positions(files: Iterable[FileEntry], size: int) -> None:
    """Raise `UploadInvalid` unless these files, sorted by offset, fit into an object of this size side by side."""
    end = 0
    for file in files:
        if file.offset < end or file.offset + file.size > size:
            raise UploadInvalid(f"The manifest gives a wrong position for {file.path!r}.")
        end = file.offset + file.size


def object_name(upload: Upload) -> str:
    """Return the name of the object that an upload becomes. It contains no text from a user."""
    return f"object-{upload.id}"


def _reference_entry(file: BucketFile, number: int) -> FileEntry:
    """Return the entry of a file that stays in its bucket, identified by its ETag."""
    name = SINGLE_REFERENCE if file.single else f"ref-{number:05}"
    return FileEntry(file.path, file.size, f"{ETAG}{file.etag}", name, 0)


@dataclass(frozen=True, slots=True)
class Sink:
    """Writes objects of one version directly to storage.

    Enters `lock` before it begins an object and again while it names it; `lock` raises if the version takes no more
    data. Calls `on_write` after each chunk.
    """

    storage: Storage
    version_id: str
    lock: Callable[[], AbstractContextManager[object]] = nullcontext
    on_write: Callable[[], object] = lambda: None

    @contextmanager
    def object(self, name: str, _size: int | None) -> Iterator[Writer]:
        """Open a new object for writing. See `ObjectSink`."""
        with self.lock():
            pass
        with self.storage.new_object(self.version_id, name, self.lock) as file:
            yield NotifyingWriter(file, self.on_write)


@dataclass(frozen=True, slots=True)
class _UploadedFile(WithoutAttributes):
    """A file that a client uploaded as an object of its own, to be packed."""

    storage: Storage
    version_id: str
    path: str
    name: str

    @property
    def size(self) -> int:
        return self.storage.size(self.version_id, self.name)

    def chunks(self) -> Iterator[bytes]:
        return self.storage.read(self.version_id, self.name)
