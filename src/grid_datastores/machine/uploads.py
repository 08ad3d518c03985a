"""Moving a version's bytes: creating one, going on with an interrupted upload, downloading, here and over HTTP."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import (
    CatalogFailed,
    NotFound,
    NotReadable,
    NotUnderstood,
    Refusal,
    SourceFailed,
    Unreachable,
    UploadInterrupted,
    delete_command,
    show_command,
)
from grid_datastores.domain.model import Phase
from grid_datastores.domain.text import os_reason, os_sentence
from grid_datastores.machine.restore import check_all_written, check_new, restore
from grid_datastores.machine.upload_journal import begin_journal
from grid_datastores.sources import scan
from grid_datastores.storage import Manifest, pack
from grid_datastores.system.signals import interrupts_held

if TYPE_CHECKING:
    from collections.abc import Callable

    from grid_datastores.domain.model import Source, Version, VersionRef
    from grid_datastores.gateway.protocol import Datastores
    from grid_datastores.machine.upload_journal import Journal
    from grid_datastores.sources import LocalSource


_BETWEEN = 5.0  # seconds between two signs of activity while files are compared

# What says nothing about the upload itself: it can go on later.
_PASSING = (Unreachable, NotUnderstood, CatalogFailed)


@dataclass(frozen=True, slots=True)
class Resumed:
    """A version that is available now, and the bytes that had not to be sent again."""

    version: Version
    skipped: int


def create(
    datastores: Datastores, directory: Path, name: str, data: LocalSource, progress: Callable[[int], object]
) -> Version:
    """A new version of these files. When it is interrupted it can go on; when it fails, nothing of it is left."""
    version: Version | None = None
    place = datastores.identity()
    try:
        with interrupts_held():
            version = datastores.begin(name, data.source)
            try:
                journal = begin_journal(directory, place, version, data)
            except BaseException as error:
                _drop(datastores, version, error, delete_command(version.ref))
                version = None
                raise
    except KeyboardInterrupt as error:
        if version is None:
            raise
        raise _interrupted("Interrupted.", version) from error
    return _send(datastores, journal, version, data, progress).version


def resume(datastores: Datastores, journal: Journal, progress: Callable[[int], object]) -> Resumed:
    """Go on with an interrupted upload. `progress` hears of bytes read again, to compare them, and of bytes sent.

    Raises `SourceFailed` where a file is not what it was, or the version can take no more data.
    """
    version = _find(datastores, journal)
    if version is None or version.phase not in (Phase.UPLOADING, Phase.OPTIMIZING, Phase.AVAILABLE):
        journal.forget()
        state = version.phase if version else "not known any more"
        raise SourceFailed(f"The upload of {journal.ref} cannot go on: it is {state}. Create it again.")
    if version.phase is not Phase.UPLOADING:
        finished = datastores.wait(version)
        journal.forget()
        return Resumed(finished, finished.size_bytes)
    data = scan(journal.location)
    if not journal.same_files(data):
        raise _changed(journal, journal.location)
    arrived = journal.arrived_bytes
    _compare_arrived(journal, data, _keeping_active(datastores, version, progress))
    _attribute(journal, data)
    sent = _send(datastores, journal, version, data, progress)
    # What surrounds small files in their pack has arrived, too, and is not of the version.
    return Resumed(sent.version, min(arrived + sent.skipped, sent.version.size_bytes))


def forget(datastores: Datastores, journal: Journal) -> None:
    """Drop an interrupted upload where it was sent to, then forget it here.

    Raises `Refusal` when the place cannot drop it; the journal is kept.
    """
    version = _find(datastores, journal)
    if version and version.phase.unfinished:
        try:
            datastores.abandon(version)
        except Refusal as error:
            raise Refusal(f"{error.message} So {journal.ref} is not dropped.") from error
    journal.forget()


def fetch(datastores: Datastores, name: str, source: Source) -> Version:
    """A new version of an archive or a bucket. Where the command is interrupted, the answer says what goes on."""
    version: Version | None = None
    try:
        with interrupts_held():
            version = _order(datastores, name, source)
        fetched = datastores.wait(version)
    except (KeyboardInterrupt, *_PASSING) as error:
        if version is None:
            raise
        raise _not_fetched(datastores, error, version) from error
    _fetch_others(datastores)
    return fetched


def _order(datastores: Datastores, name: str, source: Source) -> Version:
    """A new version that the service is told to fetch; where it cannot be told, the version is dropped."""
    version = datastores.begin(name, source)
    try:
        datastores.order(version)
    except BaseException as error:
        _drop(datastores, version, error, delete_command(version.ref))
        raise
    return version


def fetch_again(datastores: Datastores, version: Version) -> Version | None:
    """Fetch a version whose fetching was interrupted; None where another process is fetching it."""
    try:
        return datastores.wait(version)
    except NotReadable:
        return None
    except (KeyboardInterrupt, *_PASSING) as error:
        raise _not_fetched(datastores, error, version) from error


def _fetch_others(datastores: Datastores) -> None:
    """Fetch what interrupted commands were fetching. What was asked for is done, whatever comes of these."""
    for version in datastores.interrupted_fetches():
        try:
            fetch_again(datastores, version)
        except UploadInterrupted:
            return
        except Refusal:
            continue


def download(
    datastores: Datastores, directory: Path, ref: VersionRef, destination: Path, progress: Callable[[int], object]
) -> Version:
    """The version's files in a new folder, checked byte for byte. When it fails, no folder is left.

    Files whose names the destination does not take are left out, and named by `SourceFailed` at the end.
    """
    check_new(destination)
    version = datastores.find(ref)
    manifest = datastores.manifest(version)
    refused = restore(
        manifest, lambda name: datastores.read_object(version, name), destination, progress, directory=directory
    )
    check_all_written(refused, len(manifest.files), destination)
    return version


def _send(
    datastores: Datastores, journal: Journal, version: Version, data: LocalSource, progress: Callable[[int], object]
) -> Resumed:
    skipped: list[int] = []
    try:
        for name, entries in pack(data.files, datastores.sink(version, skipped.append), progress, journal.objects):
            if name not in journal.objects:
                journal.record(name, entries)
        packed = (entry for entries in journal.objects.values() for entry in entries)
        manifest = Manifest.of(packed, data.folders)
        _check_unchanged(data)
        finished = datastores.finish(version, manifest)
    except (KeyboardInterrupt, *_PASSING) as error:
        raise _interrupted(_why(error), version) from error
    except BaseException as error:
        _drop(datastores, version, error, "grid datastore clearcache")
        journal.forget()
        raise
    journal.forget()
    return Resumed(finished, sum(skipped))


def _find(datastores: Datastores, journal: Journal) -> Version | None:
    """The journal's version; None where the place knows it no more.

    Raises `NotFound` where the journal does not say whose the version is: it may be another user's.
    """
    try:
        version = datastores.find(journal.ref)
    except NotFound:
        version = None
    if version and version.id == journal.version_id:
        return version
    renamed = next((one for one in datastores.versions() if one.id == journal.version_id), None)
    if renamed:  # as when the folder of several owners got one
        return renamed
    if journal.place != datastores.identity().id:
        raise NotFound(
            f"{journal.words} has no upload of yours for {journal.ref}. If no other user needs it, delete"
            f" {journal.path}"
        )
    return None


def _compare_arrived(journal: Journal, data: LocalSource, progress: Callable[[int], object]) -> None:
    """Read the files that have arrived again: each has to be what arrived, byte for byte."""
    arrived = {entry.path: entry.sha256 for entries in journal.objects.values() for entry in entries}
    for file in data.files:
        if file.path not in arrived:
            continue
        digest = sha256()
        for chunk in file.chunks():
            digest.update(chunk)
            progress(len(chunk))
        if digest.hexdigest() != arrived[file.path]:
            raise _changed(journal, file.location)


def _keeping_active(
    datastores: Datastores, version: Version, progress: Callable[[int], object]
) -> Callable[[int], object]:
    """`progress`, which also keeps the upload from expiring while nothing is sent (rule upload-resumed)."""
    datastores.keep_active(version)
    last = monotonic()

    def heard(count: int) -> None:
        nonlocal last
        if monotonic() - last >= _BETWEEN:
            datastores.keep_active(version)
            last = monotonic()
        progress(count)

    return heard


def _attribute(journal: Journal, data: LocalSource) -> None:
    """The files that have arrived have the attributes of the files here."""
    files = {file.path: file for file in data.files}
    for name, entries in journal.objects.items():
        found = [(entry, files[entry.path]) for entry in entries]
        journal.objects[name] = [
            replace(entry, executable=file.executable, modified=file.modified) for entry, file in found
        ]


def _check_unchanged(data: LocalSource) -> None:
    """Every file still has the size and the time that it had when it was read."""
    for file in data.files:
        try:
            now = Path(file.location).lstat()
        except OSError as error:
            raise SourceFailed(f"{file.location} cannot be read: {os_reason(error)}. Nothing was kept.") from error
        if (now.st_size, now.st_mtime_ns) != (file.size, file.modified):
            raise SourceFailed(f"{file.location} changed while it was uploaded; nothing was kept. Try again.")


def _drop(datastores: Datastores, version: Version, error: BaseException, command: str) -> None:
    """Drop a version that failed with this error. Raises what both say where the version cannot be dropped."""
    try:
        datastores.abandon(version)
    except Refusal as trouble:
        raise Refusal(
            f"The upload of {version.ref} failed: {_why(error)} But it could not be dropped: {trouble.said}"
            f" Drop it with: {command}"
        ) from error


def _changed(journal: Journal, location: str) -> SourceFailed:
    return SourceFailed(
        f"{location} has changed since the upload of {journal.ref} began, so it cannot go on."
        " Forget it with: grid datastore clearcache"
    )


def _why(error: BaseException) -> str:
    match error:
        case KeyboardInterrupt():
            return "Interrupted."
        case Refusal():
            return error.said
        case OSError():
            return os_sentence(error)
        case _:
            return f"{error}."


def _interrupted(why: str, version: Version) -> UploadInterrupted:
    return UploadInterrupted(f"{why} The upload of {version.ref} is not finished; go on with: grid datastore resume")


def _not_fetched(datastores: Datastores, error: BaseException, version: Version) -> UploadInterrupted:
    why, ref = _why(error), version.ref
    if datastores.fetches_here:
        return UploadInterrupted(
            f"{why} The fetch of {ref} is not finished, and it takes a place of your quota. Go on with"
            f" grid datastore resume, or give it up with: {delete_command(ref)}"
        )
    return UploadInterrupted(
        f"{why} The server goes on fetching {ref}. Look with {show_command(ref)}, or stop it with:"
        f" {delete_command(ref)}"
    )
