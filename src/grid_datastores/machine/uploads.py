"""Create, resume, fetch and download versions, with either implementation of `Datastores`."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING

from grid_datastores.domain.commands import delete_command, show_command
from grid_datastores.domain.errors import (
    Busy,
    CatalogFailed,
    NotFound,
    NotReadable,
    NotUnderstood,
    Refusal,
    SourceFailed,
    Unreachable,
    UploadInterrupted,
)
from grid_datastores.domain.model import Phase
from grid_datastores.domain.text import os_reason, os_sentence
from grid_datastores.machine.restore import check_all_written, check_new, restore
from grid_datastores.machine.upload_journal import begin_journal
from grid_datastores.sources import scan
from grid_datastores.storage import Manifest, pack
from grid_datastores.system.signals import defer_interrupts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from grid_datastores.domain.model import Source, Version, VersionRef
    from grid_datastores.gateway.protocol import Datastores
    from grid_datastores.machine.upload_journal import Journal
    from grid_datastores.sources import LocalSource


_ACTIVITY_INTERVAL = 5.0  # seconds between reports of activity while files are verified

# After these refusals, the upload itself is intact and can be resumed.
_TRANSIENT = (Unreachable, NotUnderstood, CatalogFailed, Busy)


@dataclass(frozen=True, slots=True)
class Resumed:
    """A resumed upload, now available, and the number of bytes that were not sent again."""

    version: Version
    skipped_bytes: int


def create(
    datastores: Datastores, directory: Path, name: str, data: LocalSource, progress: Callable[[int], object]
) -> Version:
    """Upload these files as a new version and return it.

    Raises `UploadInterrupted` if the upload can be resumed. After any other failure, nothing of it remains.
    """
    version: Version | None = None
    begun: list[tuple[Version, Journal | None]] = []
    place = datastores.identity()

    def keep_journal(new: Version) -> None:
        begun.append((new, None))
        begun[0] = new, begin_journal(directory, place, new, data)

    try:
        with defer_interrupts():
            try:
                version = datastores.begin(name, data.source, keep_journal)
            except BaseException as error:
                for new, journal in begun:
                    _abandon(datastores, new, error, delete_command(new.ref))
                    if journal:
                        journal.delete()
                raise
    except KeyboardInterrupt as error:
        if version is None:
            raise
        raise _interrupted("Interrupted.", version) from error
    ((_version, journal),) = begun
    assert journal
    journal.renumber(version.ref)
    return _send(datastores, journal, version, data, progress).version


def resume(datastores: Datastores, journal: Journal, progress: Callable[[int], object]) -> Resumed:
    """Resume an interrupted upload. `progress` counts the bytes that are read to verify them, and the bytes sent.

    Raises `SourceFailed` if a file has changed, or if the version accepts no more data. Enforces upload-resumed.
    """
    version = _find_version(datastores, journal)
    if version is None or not (version.phase.unfinished or version.phase is Phase.AVAILABLE):
        journal.delete()
        state = f"is {version.phase}" if version else "no longer exists"
        raise SourceFailed(
            f"The upload of {journal.ref} cannot be resumed: the version {state}. Upload the files again."
        )
    if version.phase is not Phase.UPLOADING:
        finished = datastores.wait(version)
        journal.delete()
        return Resumed(finished, finished.size_bytes)
    data = scan(journal.location)
    if not journal.same_files(data):
        raise _source_changed(journal, journal.location)
    stored = journal.stored_bytes
    datastores.keep_active(version)
    _verify_stored(journal, data, _keeping_active(datastores, version, progress))
    _update_attributes(journal, data)
    sent = _send(datastores, journal, version, data, progress)
    # `skipped_bytes` includes the tar headers and padding of packs, so the sum can exceed the version's size.
    return Resumed(sent.version, min(stored + sent.skipped_bytes, sent.version.size_bytes))


def discard(datastores: Datastores, journal: Journal) -> None:
    """Abandon an interrupted upload and delete its journal.

    Raises a `Refusal` if the upload cannot be abandoned. The journal then stays.
    """
    version = _find_version(datastores, journal)
    if version and version.phase.unfinished:
        try:
            datastores.abandon(version)
        except Refusal as error:
            raise Refusal(f"{journal.ref}: {error.message}") from error
    journal.delete()


def fetch(datastores: Datastores, name: str, source: Source) -> Version:
    """Have the service fetch an archive or a bucket as a new version, and return it once it is available.

    Raises `UploadInterrupted` if the version may still become available.
    """
    version: Version | None = None
    try:
        with defer_interrupts():
            version = _start_fetch(datastores, name, source)
        fetched = datastores.wait(version)
    except (KeyboardInterrupt, *_TRANSIENT) as error:
        if version is None:
            raise
        raise _fetch_interrupted(datastores, error, version) from error
    _resume_other_fetches(datastores)
    return fetched


def _start_fetch(datastores: Datastores, name: str, source: Source) -> Version:
    """Begin a version and have the service fetch it. If this fails, abandon the version."""
    version = datastores.begin(name, source)
    try:
        datastores.start_fetch(version)
    except BaseException as error:
        _abandon(datastores, version, error, delete_command(version.ref))
        raise
    return version


def resume_fetch(datastores: Datastores, version: Version) -> Version | None:
    """Fetch a version whose fetch was interrupted. Return None if another process is fetching it."""
    try:
        if version.phase is Phase.UPLOADING:  # the command was killed before the fetch began
            datastores.start_fetch(version)
        return datastores.wait(version)
    except NotReadable:
        return None
    except (KeyboardInterrupt, *_TRANSIENT) as error:
        raise _fetch_interrupted(datastores, error, version) from error


def _resume_other_fetches(datastores: Datastores) -> None:
    """Resume the fetches of interrupted commands. Best effort: the current command has already succeeded."""
    for version in datastores.interrupted_fetches():
        try:
            resume_fetch(datastores, version)
        except UploadInterrupted:
            return
        except Refusal:
            continue


def download(
    datastores: Datastores, directory: Path, ref: VersionRef, destination: Path, progress: Callable[[int], object]
) -> Version:
    """Download and verify the version's files into a new folder. Return the version.

    If this fails, no folder remains, with one exception: if the file system rejects some names, the other files are
    written, and `SourceFailed` lists these names.
    """
    check_new(destination)
    version = datastores.find(ref)
    manifest = datastores.manifest(version)
    rejected = restore(
        manifest,
        lambda name: datastores.read_object(version, name),
        destination,
        progress,
        directory=directory,
        verified=datastores.verifies_objects,
    )
    check_all_written(rejected, len(manifest.files), destination)
    return version


def _send(
    datastores: Datastores, journal: Journal, version: Version, data: LocalSource, progress: Callable[[int], object]
) -> Resumed:
    skipped: list[int] = []
    advance = _keeping_active(datastores, version, progress)
    try:
        for name, entries in pack(data.files, datastores.sink(version, skipped.append), advance, journal.objects):
            if name not in journal.objects:
                journal.record(name, entries)
        packed = (entry for entries in journal.objects.values() for entry in entries)
        manifest = Manifest.of(packed, data.folders)
        _check_unchanged(data)
        finished = datastores.finish(version, manifest)
    except (KeyboardInterrupt, *_TRANSIENT) as error:
        raise _interrupted(_why(error), version) from error
    except BaseException as error:
        _abandon(datastores, version, error, "grid datastore clearcache")
        journal.delete()
        raise
    journal.delete()
    return Resumed(finished, sum(skipped))


def _find_version(datastores: Datastores, journal: Journal) -> Version | None:
    """Return the journal's version, or None if it no longer exists.

    Raises `NotFound` if the version may belong to another user, because an earlier release wrote the journal.
    """
    try:
        version = datastores.find(journal.ref)
    except NotFound:
        version = None
    if version and version.id == journal.version_id:
        return version
    renamed = next((one for one in datastores.versions() if one.id == journal.version_id), None)
    if renamed:  # for example when the owners of an embedded folder were merged
        return renamed
    if journal.place_id != datastores.identity().id:
        raise NotFound(
            f"{journal.place_name} has no upload of {journal.ref} by you. If no other user needs the journal, delete"
            f" {journal.path}"
        )
    return None


def _verify_stored(journal: Journal, data: LocalSource, progress: Callable[[int], object]) -> None:
    """Check that the files in stored objects still have the same contents. Raises `SourceFailed`."""
    digests = {entry.path: entry.sha256 for entries in journal.objects.values() for entry in entries}
    for file in data.files:
        if file.path not in digests:
            continue
        digest = sha256()
        for chunk in file.chunks():
            digest.update(chunk)
            progress(len(chunk))
        if digest.hexdigest() != digests[file.path]:
            raise _source_changed(journal, file.location)


def _keeping_active(
    datastores: Datastores, version: Version, progress: Callable[[int], object]
) -> Callable[[int], object]:
    """Return a `progress` that also keeps the upload from expiring while nothing is sent (rule upload-resumed)."""
    last = monotonic()

    def advance(count: int) -> None:
        nonlocal last
        if monotonic() - last >= _ACTIVITY_INTERVAL:
            datastores.keep_active(version)
            last = monotonic()
        progress(count)

    return advance


def _update_attributes(journal: Journal, data: LocalSource) -> None:
    """Take the attributes of stored files from the files on this machine, because old journals have none."""
    files = {file.path: file for file in data.files}
    for name, entries in journal.objects.items():
        pairs = [(entry, files[entry.path]) for entry in entries]
        journal.objects[name] = [
            entry._replace(executable=file.executable, modified=file.modified) for entry, file in pairs
        ]


def _check_unchanged(data: LocalSource) -> None:
    """Raise `SourceFailed` if a file's size or modification time has changed since it was scanned."""
    for file in data.files:
        try:
            now = os.lstat(file.location)
        except OSError as error:
            raise SourceFailed(f"{file.location} cannot be read: {os_reason(error)}. Nothing was stored.") from error
        if (now.st_size, now.st_mtime_ns) != (file.size, file.modified):
            raise SourceFailed(f"{file.location} changed during the upload. Nothing was stored. Try again.")


def _abandon(datastores: Datastores, version: Version, error: BaseException, command: str) -> None:
    """Abandon a version that failed with this error. Raises a `Refusal` with both reasons if that fails, too."""
    try:
        with suppress(NotFound):  # it failed before it existed
            datastores.abandon(version)
    except Refusal as second:
        raise Refusal(
            f"The upload of {version.ref} failed: {_why(error)} It could not be discarded: {second.base_message}"
            f" Discard it with: {command}"
        ) from error


def _source_changed(journal: Journal, location: str) -> SourceFailed:
    return SourceFailed(
        f"{location} has changed since the upload of {journal.ref} began, so the upload cannot be resumed."
        " Discard it with: grid datastore clearcache"
    )


def _why(error: BaseException) -> str:
    match error:
        case KeyboardInterrupt():
            return "Interrupted."
        case Refusal():
            return error.base_message
        case OSError():
            return os_sentence(error)
        case _:
            return f"{error}."


def _interrupted(why: str, version: Version) -> UploadInterrupted:
    return UploadInterrupted(f"{why} The upload of {version.ref} is incomplete. Resume it with: grid datastore resume")


def _fetch_interrupted(datastores: Datastores, error: BaseException, version: Version) -> UploadInterrupted:
    why, ref = _why(error), version.ref
    if datastores.fetches_in_process:
        return UploadInterrupted(
            f"{why} The fetch of {ref} is incomplete, and the version counts against your quota. Resume it with"
            f" grid datastore resume, or discard it with: {delete_command(ref)}"
        )
    return UploadInterrupted(
        f"{why} The server continues to fetch {ref}. Check it with {show_command(ref)}, or cancel it with:"
        f" {delete_command(ref)}"
    )
