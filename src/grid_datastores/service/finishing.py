"""Finishing versions whose data is complete: check it, pack it or fetch it, and publish. Works in the background."""

from __future__ import annotations

import threading
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import NotFound, Refusal, SourceFailed, UploadInvalid
from grid_datastores.domain.model import ETAG, REFERENCE_ALONE, EventKind, FileEntry, Phase, SourceKind
from grid_datastores.domain.rules import can_be_finished_later
from grid_datastores.domain.text import counted
from grid_datastores.service.activity import Watched
from grid_datastores.service.wanted import GivenUp, Wanted
from grid_datastores.storage import Manifest, WithoutAttributes, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from contextlib import AbstractContextManager

    from grid_datastores.domain.model import Upload, Version
    from grid_datastores.service.context import Context
    from grid_datastores.sources.bucket import BucketFile
    from grid_datastores.storage import LocalStorage, Writer

RECEIVED = frozenset({SourceKind.FILES})  # its data is there; all else is fetched, which takes as long as it takes
FETCHED = frozenset(SourceKind) - RECEIVED
MOST_FETCHES = 2  # of one user at once: fewer than there are workers, so that there is room for others'
ANNOUNCED = "announced.jsonl"  # the client's manifest, kept until it is checked against the bytes


class Finishing:
    """The use cases that no user asks for."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._taken: dict[str, Version] = {}
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Give up what is fetched, and begin nothing more; the next process takes it up again."""
        self._stopping.set()

    def finish_waiting(
        self, kinds: Collection[SourceKind] = RECEIVED | FETCHED, only: str | None = None, actor: str | None = None
    ) -> None:
        """Finish every version of these kinds that is optimizing, or only the one with this id.

        The history names the actor, or else the owner.

        One that cannot be finished has failed, and says why; one that this process cannot finish now stays.

        Several threads and processes may do this at once: each takes versions that no other has taken.
        """
        with self._context.catalog.read() as tx:
            waiting = [(version, tx.users.get(version.owner_id)) for version in tx.versions.in_phase(Phase.OPTIMIZING)]
        broken: list[BaseException] = []
        for version, user in waiting:
            if version.source.kind not in kinds or only not in (None, version.id) or self._stopping.is_set():
                continue
            try:
                self._take_up(version, actor or (user.name if user else ""))
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # the versions behind it do not wait for its cause
                broken.append(error)
        if broken:
            raise broken[0]

    def publish(self, version: Version, manifest: Manifest, actor: str, note: str = "") -> Version:
        """The version, available with what the manifest says; gone, if it was deleted meanwhile.

        The history keeps `note`: what the user should know of how the source was read.
        """
        with suppress(GivenUp):
            self._context.storage.publish(version.id, manifest, lambda: self._held(version.id))
        with self._context.catalog.write() as tx:
            now = self._context.clock()
            current = tx.versions.get(version.id, lock=True)
            if current and current.phase is Phase.AVAILABLE:  # somebody else was faster, with the same bytes
                return current
            if current is None or not current.phase.unfinished:
                tx.versions.queue_removal(version.id, now)
                return current or version
            size, count = manifest.size_bytes, len(manifest.files)
            tx.versions.finish(version.id, size=size, files=count, fingerprint=manifest.fingerprint, at=now)
            held = f"{counted(count, 'file')}, {counted(size, 'byte')}"
            tx.versions.record(version.id, EventKind.UPLOADED, actor, f"{held}; {note}" if note else held, now)
            return tx.versions.get(version.id) or version

    @contextmanager
    def _held(self, version_id: str) -> Iterator[None]:
        """Nobody finishes or deletes the version until the context ends; raises `GivenUp` when somebody has."""
        with self._context.catalog.write() as tx:
            current = tx.versions.get(version_id, lock=True)
            if current is None or not current.phase.unfinished:
                raise GivenUp
            yield

    def expire(self) -> None:
        """Drop the uploads and the fetches that were inactive for longer than their expiry (rule upload-resumed)."""
        self._context.leases.renew_after_jump()
        with self._context.catalog.read() as tx:
            now = self._context.clock()
            uploads = tx.versions.expired(Phase.UPLOADING, now)
            optimizing = tx.versions.expired(Phase.OPTIMIZING, now)
        for version in uploads:
            self._fail(version, "the upload was not finished in time", expired=True)
        for version in optimizing:  # what was received is kept, whenever the next server starts
            if version.source.kind in FETCHED:
                with self._take(version) as taken:
                    if taken:
                        self._fail(version, "it was not fetched in time", expired=True)

    def _take_up(self, version: Version, actor: str) -> None:
        if not self._context.storage.begun(version.id):
            self._fail(version, "its data is missing from storage")
            return
        with self._take(version) as taken:
            if taken:
                self._finish(version, actor)

    def _finish(self, version: Version, actor: str) -> None:
        with self._context.catalog.write() as tx:
            current = tx.versions.get(version.id, lock=True)
            if current is None or current.phase is not Phase.OPTIMIZING:
                return
            if version.source.kind in FETCHED:
                tx.versions.mark_active(version.id, self._context.clock())
        try:
            published = self._context.storage.published(version.id)
            manifest, note = (published, "") if published else self._made(version)
            self.publish(version, manifest, actor, note)
        except GivenUp:
            return
        except Refusal as error:
            if can_be_finished_later(version, error):
                raise
            self._fail(version, error.message)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # whatever it is: who waits for the version hears of it
            self._fail(version, "something broke in the server; its log says what")
            raise

    def _made(self, version: Version) -> tuple[Manifest, str]:
        return (self._received(version), "") if version.source.kind is SourceKind.FILES else self._fetched(version)

    def _received(self, version: Version) -> Manifest:
        storage = self._context.storage
        with self._context.catalog.read() as tx:
            uploads = tx.versions.uploads(version.id)
        names = {upload.key: object_name(upload) for upload in uploads}
        try:
            announced = Manifest.decode(b"".join(storage.read(version.id, ANNOUNCED)))
        except NotFound:
            files = [_Received(storage, version.id, key, name) for key, name in sorted(names.items())]
            packed = pack(files, Sink(storage, version.id), lambda _: None)
            return Manifest.of(entry for _name, entries in packed for entry in entries)
        if unknown := {file.object for file in announced.files} - set(names):
            raise UploadInvalid(f"The manifest names an object that was not uploaded: {min(unknown)!r}.")
        if unnamed := set(names) - {file.object for file in announced.files}:
            raise UploadInvalid(f"The manifest leaves out an object that was uploaded: {min(unnamed)!r}.")
        placed = tuple(replace(file, object=names[file.object]) for file in announced.files)
        manifest = replace(announced, files=placed)
        check_bytes(storage, version.id, manifest)
        return manifest

    def _fetched(self, version: Version) -> tuple[Manifest, str]:
        """Fetch an archive or the objects of a bucket; of a reference, only the list of its objects.

        Answers what to tell the user of how they were read, too.
        """
        from grid_datastores.sources.bucket import BucketFile
        from grid_datastores.sources.limits import Limits
        from grid_datastores.sources.remote import open_remote

        storage = self._context.storage
        hosts = self._context.limits.allowed_hosts
        wanted = Wanted(self._context, version, self._stopping)
        limits = Limits(check_wanted=wanted.check)
        with self._context.catalog.read() as tx:
            source = replace(version.source, location=tx.versions.fetch_url(version.id) or version.source.location)
        with open_remote(source, storage.scratch, limits, allowed_hosts=hosts) as remote:
            if version.source.kind is SourceKind.REFERENCE:
                listed = [file for file in remote.files if isinstance(file, BucketFile)]
                return Manifest.of(_referenced(file, number) for number, file in enumerate(listed, 1)), remote.note
            packed = pack(remote.files, Sink(storage, version.id), lambda _: wanted.check())
            manifest = Manifest.of((entry for _name, entries in packed for entry in entries), remote.folders)
        if not manifest.files:
            raise SourceFailed(f"{version.source.location} holds no file; a version needs at least one.")
        return manifest, remote.note

    def _fail(self, version: Version, why: str, *, expired: bool = False) -> None:
        """The version has failed, unless it went on meanwhile: to another phase or, if it `expired`, at all."""
        with self._context.catalog.write() as tx:
            now = self._context.clock()
            current = tx.versions.get(version.id, lock=True)
            if current is None or current.phase is not version.phase:
                return
            if expired and not tx.versions.has_expired(version.id, now):
                return
            tx.versions.fail(version.id, why, now)
            tx.versions.record(version.id, EventKind.FAILED, "", why, now)
        self._context.queued()

    @contextmanager
    def _take(self, version: Version) -> Iterator[bool]:
        with self._lock:
            free = version.id not in self._taken and self._may_take(version)
            if free:
                self._taken[version.id] = version
        if not free:
            yield False
            return
        try:
            with self._context.storage.claim(version.id) as claimed:  # another process may finish it
                yield claimed
        finally:
            with self._lock:
                del self._taken[version.id]

    def _may_take(self, version: Version) -> bool:
        fetches = [taken for taken in self._taken.values() if taken.source.kind in FETCHED]
        theirs = [taken for taken in fetches if taken.owner_id == version.owner_id]
        return version.source.kind in RECEIVED or len(theirs) < MOST_FETCHES


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


def object_name(upload: Upload) -> str:
    """The object that an upload makes; no name of a user's."""
    return f"object-{upload.id}"


def _referenced(file: BucketFile, number: int) -> FileEntry:
    """A file that stays in its bucket: an object of its own, known by its ETag."""
    name = REFERENCE_ALONE if file.alone else f"ref-{number:05}"
    return FileEntry(file.path, file.size, f"{ETAG}{file.etag}", name, 0)


@dataclass(frozen=True, slots=True)
class Sink:
    """Objects of one version, written straight to storage.

    `held` is entered before each, and while it gets its name; it raises when the version takes none. `arrived` is
    called after each chunk.
    """

    storage: LocalStorage
    version_id: str
    held: Callable[[], AbstractContextManager[object]] = nullcontext
    arrived: Callable[[], object] = lambda: None

    @contextmanager
    def object(self, name: str, _size: int | None) -> Iterator[Writer]:
        """See `ObjectSink`."""
        with self.held():
            pass
        with self.storage.new_object(self.version_id, name, self.held) as file:
            yield Watched(file, self.arrived)


@dataclass(frozen=True, slots=True)
class _Received(WithoutAttributes):
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
