"""Moving a version's bytes: creating one, going on with an interrupted upload, downloading, here and over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grid_datastores.errors import CatalogFailed, NotUnderstood, Refusal, SourceFailed, Unreachable
from grid_datastores.interrupts import interrupts_held
from grid_datastores.journal import begin_journal
from grid_datastores.model import Phase
from grid_datastores.restore import check_all_written, check_new, restore
from grid_datastores.sources import scan
from grid_datastores.storage import Manifest, pack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from grid_datastores.datastores import Datastores
    from grid_datastores.journal import Journal
    from grid_datastores.model import Version, VersionRef
    from grid_datastores.sources import LocalSource


# What says nothing about the upload itself: it can go on later.
_PASSING = (Unreachable, NotUnderstood, CatalogFailed)


class UploadInterrupted(Refusal):
    """The upload stopped in the middle; it can go on where it stopped (rule upload-resumed)."""

    reason = "UPLOAD_INTERRUPTED"


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
    try:
        with interrupts_held():
            version = datastores.begin(name, data.source)
            try:
                journal = begin_journal(directory, datastores.place, version, data)
            except BaseException:
                datastores.drop(version)
                raise
    except KeyboardInterrupt as error:
        if version is None:
            raise
        raise _interrupted("Interrupted.", version) from error
    return _send(datastores, journal, version, data, progress).version


def resume(datastores: Datastores, journal: Journal, progress: Callable[[int], object]) -> Resumed:
    """Go on with an interrupted upload. A file that has changed since is noticed: `SourceFailed`."""
    version = datastores.find(journal.ref)
    if version.phase not in (Phase.UPLOADING, Phase.OPTIMIZING, Phase.AVAILABLE):
        journal.forget()
        raise SourceFailed(f"The upload of {journal.ref} cannot go on: it is {version.phase}. Create it again.")
    skipped = sum(entry.size for entries in journal.objects.values() for entry in entries)
    if version.phase is not Phase.UPLOADING:
        finished = datastores.wait(version)
        journal.forget()
        return Resumed(finished, finished.size_bytes)
    data = scan(journal.location)
    if not journal.same_files(data):
        raise SourceFailed(
            f"{journal.location} has changed since the upload of {journal.ref} began, so it cannot go on."
            " Forget it with: grid datastore clearcache"
        )
    sent = _send(datastores, journal, version, data, progress)
    # What surrounds small files in their pack has arrived, too, and is not of the version.
    return Resumed(sent.version, min(skipped + sent.skipped, sent.version.size_bytes))


def download(datastores: Datastores, ref: VersionRef, destination: Path, progress: Callable[[int], object]) -> Version:
    """The version's files in a new folder, checked byte for byte. When it fails, no folder is left.

    Files whose names the destination does not take are left out, and named by `SourceFailed` at the end.
    """
    check_new(destination)
    version = datastores.find(ref)
    manifest = datastores.manifest(version)
    refused = restore(manifest, lambda name: datastores.read_object(version, name), destination, progress)
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
        finished = datastores.finish(version, manifest)
    except (KeyboardInterrupt, *_PASSING) as error:
        why = "Interrupted." if isinstance(error, KeyboardInterrupt) else error.said
        raise _interrupted(why, version) from error
    except BaseException:
        datastores.drop(version)
        journal.forget()
        raise
    journal.forget()
    return Resumed(finished, sum(skipped))


def _interrupted(why: str, version: Version) -> UploadInterrupted:
    return UploadInterrupted(f"{why} The upload of {version.ref} is not finished; go on with: grid datastore resume")
