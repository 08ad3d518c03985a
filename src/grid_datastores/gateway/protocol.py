"""The protocol through which the CLI uses datastores. Its implementations are in `embedded` and `http`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from grid_datastores.domain.model import (
        Details,
        FileEntry,
        Place,
        Quota,
        Receipt,
        Source,
        Verdict,
        Version,
        VersionRef,
        Workload,
        WorkloadKind,
        WorkloadState,
    )
    from grid_datastores.storage import Manifest, ObjectSink


class Datastores(Protocol):
    """One user's versions and workloads. A method that cannot do its work changes nothing and raises a `Refusal`."""

    @property
    def place_name(self) -> str:
        """The server's address, or this machine and the folder, for messages."""

    @property
    def fetches_in_process(self) -> bool:
        """Whether fetching an archive or a bucket stops when this process ends. A server continues."""

    @property
    def verifies_objects(self) -> bool:
        """Whether `read_object` compares each file with the manifest in this process, after all that can damage it."""

    def identity(self) -> Place:
        """Return the place and user of these datastores. Sends at most one request."""

    def deleted(self, version_ids: Collection[str]) -> Collection[str]:
        """Return the ids of the versions that are deleted or not the user's. Raises a `Refusal` on some servers."""

    def versions(self, name: str = "") -> Iterator[Version]:
        """Yield the versions of this name, or all, that are not deleted, sorted by name and number, page by page."""

    def quota(self) -> Quota:
        """Return how many versions the user has, and the maximum."""

    def find(self, ref: VersionRef) -> Version:
        """Return a version, even if it is deleted. Raises `NotFound`."""

    def details(self, ref: VersionRef) -> Details:
        """Return a version with its holders and history, even if it is deleted. Raises `NotFound`."""

    def manifest(self, version: Version) -> Manifest:
        """Return the version's manifest."""

    def files(self, version: Version) -> Iterator[FileEntry]:
        """Yield the version's files by path, without waiting for the whole list."""

    def read_object(self, version: Version, name: str) -> Iterator[bytes]:
        """Yield the bytes of an object that the manifest lists."""

    def local_object(self, version: Version, name: str) -> Path | None:
        """Return the object's path, or None if it is not on this machine."""

    def begin(self, name: str, source: Source, before: Callable[[Version], object] | None = None) -> Version:
        """Create a version that accepts objects. It counts against the quota.

        Calls `before` with the version once: before it exists, or, if a server makes it, directly after its answer.
        Its number can still change before it exists.
        """

    def sink(self, version: Version, on_skipped: Callable[[int], object]) -> ObjectSink:
        """Return the sink for the version's objects. Calls `on_skipped` with the bytes that need not be sent again."""

    def keep_active(self, version: Version) -> None:
        """Keep an upload from expiring while nothing is sent. Best effort."""

    def finish(self, version: Version, manifest: Manifest) -> Version:
        """Publish the version after all its objects were written. Return it once it is available."""

    def start_fetch(self, version: Version) -> None:
        """Have the service fetch the archive or bucket of a begun version. `wait` waits for the end."""

    def wait(self, version: Version) -> Version:
        """Return the version once it is available. Raises `SourceFailed` if it cannot be finished or fetched."""

    def interrupted_fetches(self) -> Sequence[Version]:
        """Return the versions whose fetch was interrupted, also before it began.

        A server has none, because it resumes fetches itself.
        """

    def abandon(self, version: Version) -> None:
        """Erase an unfinished version. Does nothing to a finished one.

        After a `Refusal`, for example if the server does not answer, the version may still exist.
        """

    def delete(self, ref: VersionRef) -> Receipt | None:
        """Delete exactly this version, irreversibly. Return the receipt, or None if the server sends none."""

    def verdict(self, ref: VersionRef) -> Verdict:
        """Return what `delete` would do now, without deleting anything."""

    def start(
        self, kind: WorkloadKind, name: str, mounts: Mapping[VersionRef, str], *, leased: bool = False
    ) -> Workload:
        """Start a workload with these versions mounted, each at its path ("" for the default path).

        A leased workload holds its versions only while `heartbeat` is called before its lease expires.
        """

    def heartbeat(self, run: Workload) -> Workload:
        """Renew the Run's lease. Raises `NotThatState` if the Run has ended."""

    def end(self, run: Workload, state: WorkloadState) -> None:
        """Record that this Run, identified by its id, has ended. Does nothing if it has already ended."""

    def workloads(self, kind: WorkloadKind, *, live: bool = False) -> Iterator[Workload]:
        """Yield the workloads of this kind, oldest first, page by page. With `live`, only those that have not ended."""

    def set_state(self, kind: WorkloadKind, name: str, state: WorkloadState) -> Workload:
        """Pause, resume or end the workload with this name, and return it."""

    def erase_deleted(self) -> None:
        """Erase the bytes of deleted versions now (rule delete-removes-bytes). A server does this itself."""

    def close(self) -> None:
        """Close connections and the catalog, and release the locks of Runs."""
