"""What the CLI works on: one protocol, with two implementations (`embedded` here, `client` over HTTP)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from grid_datastores.model import (
        Details,
        FileEntry,
        Quota,
        Receipt,
        Verdict,
        Version,
        VersionRef,
        Workload,
        WorkloadKind,
        WorkloadState,
    )
    from grid_datastores.sources import LocalSource


class Datastores(Protocol):
    """One user's versions and workloads. Every method raises the `Refusal` that documents why it did nothing."""

    @property
    def place(self) -> str:
        """Where the versions are kept, as a person would say it."""

    def versions(self) -> Sequence[Version]:
        """The versions that are there, by name and number."""

    def quota(self) -> Quota:
        """How many versions the user has, and may have."""

    def details(self, ref: VersionRef) -> Details:
        """All that is known of a version, deleted or not."""

    def files(self, ref: VersionRef) -> Sequence[FileEntry]:
        """The files of a version, sorted by path."""

    def create(self, name: str, data: LocalSource, progress: Callable[[int], object]) -> Version:
        """A new version of these files; `progress` hears of bytes sent. When it fails, nothing of it is left."""

    def download(self, ref: VersionRef, destination: Path, progress: Callable[[int], object]) -> Version:
        """The version's files in a new folder; `progress` hears of bytes written. When it fails, no folder is left."""

    def delete(self, ref: VersionRef) -> Receipt:
        """Delete exactly this version, now and for ever."""

    def verdict(self, ref: VersionRef) -> Verdict:
        """What `delete` would answer at this moment."""

    def start(self, kind: WorkloadKind, name: str, mounts: Mapping[VersionRef, str]) -> Workload:
        """A running workload with these versions mounted, each at its path ("" for the usual one)."""

    def workloads(self, kind: WorkloadKind) -> Sequence[Workload]:
        """The workloads of this kind, oldest first."""

    def set_state(self, kind: WorkloadKind, name: str, wanted: WorkloadState) -> Workload:
        """Pause, resume or end the workload of this name."""

    def close(self) -> None:
        """Finish what is under way and let go."""
