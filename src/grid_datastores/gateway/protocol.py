"""What the CLI works on: one protocol, with two implementations (`embedded`, and `http` on a server)."""

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
    """One user's versions and workloads. Every method raises the `Refusal` that documents why it did nothing."""

    @property
    def place(self) -> str:
        """Where the versions are kept, as a person would say it."""

    @property
    def fetches_here(self) -> bool:
        """Whether an archive or a bucket is fetched by this process; a server goes on without it."""

    def identity(self) -> Place:
        """Which place this is, and for whom. A server is asked once."""

    def deleted(self, version_ids: Collection[str]) -> Collection[str]:
        """Those of the versions that are deleted, or not this user's. Refused where a server cannot say."""

    def versions(self) -> Sequence[Version]:
        """The versions that are there, by name and number."""

    def quota(self) -> Quota:
        """How many versions the user has, and may have."""

    def find(self, ref: VersionRef) -> Version:
        """A version, deleted or not."""

    def details(self, ref: VersionRef) -> Details:
        """All that is known of a version, deleted or not."""

    def manifest(self, version: Version) -> Manifest:
        """The files of a version."""

    def files(self, version: Version) -> Iterator[FileEntry]:
        """The files of a version by path, as their list arrives."""

    def read_object(self, version: Version, name: str) -> Iterator[bytes]:
        """The bytes of one object that the manifest names."""

    def local_object(self, version: Version, name: str) -> Path | None:
        """Where that object lies, if it lies on this machine."""

    def begin(self, name: str, source: Source) -> Version:
        """A new version that takes objects."""

    def sink(self, version: Version, skipped: Callable[[int], object]) -> ObjectSink:
        """Where the objects of a version that is begun go; `skipped` hears of bytes that had arrived before."""

    def keep_active(self, version: Version) -> None:
        """Keep an upload from expiring while nothing is sent. Best effort."""

    def finish(self, version: Version, manifest: Manifest) -> Version:
        """All objects are there: the version, once it is available."""

    def order(self, version: Version) -> None:
        """Have the service fetch a version of an archive or a bucket that is begun; `wait` waits for it."""

    def wait(self, version: Version) -> Version:
        """The version, once it is available: its data has all arrived, or is fetched. Raises `SourceFailed`."""

    def interrupted_fetches(self) -> Sequence[Version]:
        """The versions whose fetching ended with a process; none on a server, which goes on by itself."""

    def abandon(self, version: Version) -> None:
        """Erase a version that is not finished, and leave a finished one as it is.

        Raises the `Refusal` that kept it from being asked or done; then the version may still exist.
        """

    def delete(self, ref: VersionRef) -> Receipt | None:
        """Delete exactly this version, now and for ever; None where Grid's API gives no receipt."""

    def verdict(self, ref: VersionRef) -> Verdict:
        """What `delete` would answer at this moment."""

    def start(
        self, kind: WorkloadKind, name: str, mounts: Mapping[VersionRef, str], *, leased: bool = False
    ) -> Workload:
        """A running workload with these versions mounted, each at its path ("" for the usual one).

        A leased one holds only as long as `heartbeat` is called in time.
        """

    def heartbeat(self, run: Workload) -> Workload:
        """The Run is alive."""

    def end(self, run: Workload, state: WorkloadState) -> None:
        """This Run has come to that end, and no other of its name; one that has ended already is left as it is."""

    def workloads(self, kind: WorkloadKind) -> Sequence[Workload]:
        """The workloads of this kind, oldest first."""

    def set_state(self, kind: WorkloadKind, name: str, wanted: WorkloadState) -> Workload:
        """Pause, resume or end the workload of this name."""

    def erase_deleted(self) -> None:
        """Erase the bytes of deleted versions now (rule delete-removes-bytes). A server does so by itself."""

    def close(self) -> None:
        """Close connections and the catalog, and release the locks of Runs."""
