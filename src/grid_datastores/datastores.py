"""What the CLI works on: one protocol, with two implementations (`embedded` here, `client` over HTTP)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from grid_datastores.model import (
        Details,
        FileEntry,
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

    def finish(self, version: Version, manifest: Manifest) -> Version:
        """All objects are there: the version, once it is available."""

    def fetch(self, name: str, source: Source) -> Version:
        """A new version of what the service fetches itself, once it is available; raises `SourceFailed`."""

    def wait(self, version: Version) -> Version:
        """A version whose data has all arrived, once it is available; raises `SourceFailed`."""

    def fetch_on(self) -> Sequence[Version]:
        """The versions that a killed process was fetching, after one more try; none where a server does that."""

    def drop(self, version: Version) -> None:
        """Leave nothing of a version that was not finished, and a finished one as it is.

        What cannot be asked for is left to expire.
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

    def close(self) -> None:
        """Finish what is under way and let go."""
