"""`Datastores` in this process, with the data in a folder of this machine. Loads no web framework."""

from __future__ import annotations

import getpass
import logging
import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from grid_datastores.domain.buckets import ANY_BUCKET
from grid_datastores.domain.errors import Busy, Immutable, NotFound, NotThatState, Refusal
from grid_datastores.domain.lists import Chosen
from grid_datastores.domain.model import Place
from grid_datastores.domain.rules import require_available
from grid_datastores.domain.text import os_sentence
from grid_datastores.service import open_service
from grid_datastores.service.run_locks import RunLocks
from grid_datastores.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from grid_datastores.domain.model import (
        Details,
        FileEntry,
        Quota,
        Receipt,
        Source,
        User,
        Verdict,
        Version,
        VersionRef,
        Workload,
        WorkloadKind,
        WorkloadState,
    )
    from grid_datastores.service import Service
    from grid_datastores.settings import Settings
    from grid_datastores.storage import Manifest, ObjectSink

_MAX_USER_NAME = 63  # characters
_log = logging.getLogger(__name__)
_THIS_MACHINE = "this machine"


def open_embedded(settings: Settings) -> EmbeddedDatastores:
    """Return the datastores in the settings' folder, after cleaning up what killed processes left there.

    If the folder is read-only, commands that read work, and all others are refused.
    """
    service = open_service(_with_own_buckets(settings), wake_workers=lambda: None)
    runs = RunLocks(settings.data / "runs")
    writable = not service.read_only
    if writable:
        with suppress(Busy):  # the next command tidies; this one may only read
            service.tidy(runs.is_alive)
    return EmbeddedDatastores(service, service.accounts.local(person()), settings.data, runs, writable=writable)


def open_read_only(settings: Settings) -> EmbeddedDatastores | None:
    """Return the datastores without changing anything on disk, or None if nothing is stored yet."""
    if not settings.catalog.is_file() or not (LocalStorage.exists_in(settings.data) and settings.scratch.is_dir()):
        return None
    service = open_service(_with_own_buckets(settings), wake_workers=lambda: None, read_only=True)
    if user := service.accounts.find_local(person()):
        return EmbeddedDatastores(service, user, settings.data, RunLocks(settings.data / "runs"), writable=False)
    service.close()
    return None


def _with_own_buckets(settings: Settings) -> Settings:
    """Allow every bucket: the credentials are the user's own."""
    return replace(settings, limits=replace(settings.limits, allowed_buckets=(ANY_BUCKET,)))


class EmbeddedDatastores:
    """See `Datastores`."""

    fetches_in_process = True
    verifies_objects = True

    def __init__(self, service: Service, user: User, folder: Path, runs: RunLocks, *, writable: bool = True) -> None:
        self._service = service
        self._runs = runs
        self._writable = writable
        self._user = user
        self.place_name = f"{_THIS_MACHINE} ({folder})"

    def identity(self) -> Place:
        """See `Datastores`. Differs from the identity of a server on the same folder, whose users are others."""
        return Place(f"{self._service.copies.place_id()}/{_THIS_MACHINE}", self.place_name, (_THIS_MACHINE,))

    def deleted(self, version_ids: Collection[str]) -> Collection[str]:
        return self._service.copies.deleted(self._user, version_ids)

    def versions(self, name: str = "") -> Iterator[Version]:
        return self._service.listing.all(self._user, Chosen(name))

    def quota(self) -> Quota:
        return self._service.reading.quota(self._user)

    def find(self, ref: VersionRef) -> Version:
        return self._service.reading.find(self._user, ref)

    def details(self, ref: VersionRef) -> Details:
        return self._service.reading.details(self._user, self._id(ref))

    def manifest(self, version: Version) -> Manifest:
        return self._service.reading.manifest(self._user, version.id)

    def files(self, version: Version) -> Iterator[FileEntry]:
        return self._service.reading.listed_files(self._user, version.id)

    def read_object(self, version: Version, name: str) -> Iterator[bytes]:
        return self._service.reading.object(self._user, version.id, name)[1]

    def local_object(self, version: Version, name: str) -> Path | None:
        return self._service.reading.local_path(version.id, name)

    def begin(self, name: str, source: Source, before: Callable[[Version], object] | None = None) -> Version:
        return self._service.uploads.begin(self._user, name, source, before)

    def sink(self, version: Version, _on_skipped: Callable[[int], object]) -> ObjectSink:
        return self._service.uploads.sink(self._user, version.id)

    def keep_active(self, version: Version) -> None:
        with suppress(Refusal):
            self._service.uploads.complete_objects(self._user, version.id, ())

    def finish(self, version: Version, manifest: Manifest) -> Version:
        return require_available(self._service.uploads.publish(self._user, version.id, manifest))

    def wait(self, version: Version) -> Version:
        self._service.finishing.finish_waiting(only=version.id, actor=self._user.name)
        return require_available(self._service.reading.get(self._user, version.id))

    def start_fetch(self, version: Version) -> None:
        with suppress(Immutable):  # another process has started it
            self._service.uploads.complete(self._user, version.id)

    def interrupted_fetches(self) -> Sequence[Version]:
        unfinished = [version for version in self.versions() if version.phase.unfinished]
        return [version for version in unfinished if version.phase.in_background or version.source.kind.is_fetched]

    def abandon(self, version: Version) -> None:
        self._service.uploads.abandon(self._user, version.id)

    def delete(self, ref: VersionRef) -> Receipt:
        return self._service.deletion.delete(self._user, self._id(ref))

    def verdict(self, ref: VersionRef) -> Verdict:
        return self._service.deletion.verdict(self._user, self._id(ref))

    def start(
        self, kind: WorkloadKind, name: str, mounts: Mapping[VersionRef, str], *, leased: bool = False
    ) -> Workload:
        paths = {self._id(ref): path for ref, path in mounts.items()}
        workload = self._service.workloads.start(self._user, kind, name, paths, leased=leased)
        if leased:
            self._runs.acquire(workload)
        return workload

    def heartbeat(self, run: Workload) -> Workload:
        return self._service.workloads.heartbeat(self._user, run.id)

    def end(self, run: Workload, state: WorkloadState) -> None:
        with suppress(NotThatState, NotFound):
            self._service.workloads.set_state(self._user, run.kind, run.id, state)

    def workloads(self, kind: WorkloadKind, *, live: bool = False) -> Iterator[Workload]:
        return self._service.workloads.list(self._user, kind, live=live)

    def set_state(self, kind: WorkloadKind, name: str, state: WorkloadState) -> Workload:
        workload = self._service.workloads.named(self._user, kind, name)
        return self._service.workloads.set_state(self._user, kind, workload.id, state)

    def erase_deleted(self) -> None:
        """See `Datastores`. If this fails, the next command retries."""
        try:
            if self._writable:
                self._service.erase_deleted()
        except (Refusal, OSError) as error:
            reason = error.message if isinstance(error, Refusal) else os_sentence(error)
            _log.warning("deleted data is not erased yet: %s The next command retries.", reason)

    def close(self) -> None:
        self._runs.release()
        self._service.close()

    def _id(self, ref: VersionRef) -> str:
        return self._service.reading.find(self._user, ref).id


def person() -> str:
    """Return the name of the operating system's user, which the history of a version shows."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # the user id has no name
        name = ""
    return "".join(filter(str.isprintable, name))[:_MAX_USER_NAME].strip() or f"uid {os.getuid()}"
