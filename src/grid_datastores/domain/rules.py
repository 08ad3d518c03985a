"""The decisions, as pure functions. Each raises the refusal that its rule documents."""

from __future__ import annotations

from posixpath import normpath
from types import MappingProxyType
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import (
    AlreadyDeleted,
    Busy,
    CatalogFailed,
    Immutable,
    InUse,
    InvalidInput,
    NoSpace,
    NotFound,
    NotMountable,
    NotReadable,
    NotThatState,
    QuotaReached,
    SourceFailed,
)
from grid_datastores.domain.model import Phase, SourceKind, WorkloadKind, WorkloadState
from grid_datastores.domain.naming import MAX_NAME_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import PurePath

    from grid_datastores.domain.errors import Refusal
    from grid_datastores.domain.model import Holder, Quota, Version, VersionRef, Workload

MAX_PART_BYTES = 5 * 1024**3  # bytes
MAX_PARTS = 10_000  # of one object
MAX_PATH_LENGTH = 255

# The phases that can follow each phase of a version. The guide draws them. Enforces delete-irreversible.
NEXT_PHASES: Mapping[Phase, frozenset[Phase]] = MappingProxyType(
    {
        Phase.UPLOADING: frozenset({Phase.FETCHING, Phase.OPTIMIZING, Phase.AVAILABLE, Phase.FAILED, Phase.DELETED}),
        Phase.FETCHING: frozenset({Phase.AVAILABLE, Phase.FAILED, Phase.DELETED}),
        Phase.OPTIMIZING: frozenset({Phase.AVAILABLE, Phase.FAILED, Phase.DELETED}),
        Phase.AVAILABLE: frozenset({Phase.DELETED}),
        Phase.FAILED: frozenset({Phase.DELETED}),
        Phase.DELETED: frozenset(),
    }
)


def phases_before(phase: Phase) -> frozenset[Phase]:
    """Return the phases from which a version can change to this phase."""
    return frozenset(start for start, following in NEXT_PHASES.items() if phase in following)


def can_become(version: Version, phase: Phase) -> bool:
    """Return whether the version can change to this phase."""
    return phase in NEXT_PHASES[version.phase]


def check_source_location(source: PurePath, directory: PurePath, protected: Iterable[PurePath]) -> None:
    """Raise `InvalidInput` if the source contains the directory or is inside one of the `protected` paths.

    Paths are absolute.
    """
    if directory.is_relative_to(source) or any(source.is_relative_to(path) for path in protected):
        raise InvalidInput(
            f"No version can be made from {source}: grid stores its own data and credentials in {directory}."
            " Give another folder."
        )


def check_part_size(size: int) -> None:
    """Raise `InvalidInput` if a part of an upload is larger than S3's maximum. A larger one could fill the disk."""
    if size > MAX_PART_BYTES:
        raise InvalidInput(f"A part of an upload can have at most {MAX_PART_BYTES} bytes. Send more, smaller parts.")


def next_number(last: int) -> int:
    """Return the next version's number. `last` never decreases. Enforces version-number-unused."""
    return last + 1


def check_quota(quota: Quota, unused: Sequence[VersionRef]) -> None:
    """Raise `QuotaReached` if the quota is reached. Enforces quota-limit."""
    if quota.full:
        raise QuotaReached.of(quota, unused)


def check_not_deleted(version: Version) -> None:
    """Raise `AlreadyDeleted` if the version is deleted. Enforces delete-unknown."""
    if version.phase is Phase.DELETED:
        raise AlreadyDeleted.of(version)


def check_deletable(version: Version, holders: Sequence[Holder]) -> None:
    """Raise a refusal if the version is deleted or has holders. Enforces in-use-refused."""
    check_not_deleted(version)
    if holders:
        raise InUse.of(version.ref, holders)


def check_mountable(version: Version) -> None:
    """Raise a refusal unless the version is available. Enforces in-use-no-mount-after."""
    check_not_deleted(version)
    if version.phase is not Phase.AVAILABLE:
        raise NotMountable.of(version.ref, version.phase)


def check_mount_path(path: str) -> str:
    """Return the path without its trailing slash if a version can be mounted there. Raises `InvalidInput`."""
    bare = path.rstrip("/") or path[:1]
    plain = path.isprintable() and len(path) <= MAX_PATH_LENGTH
    if plain and bare.startswith("/") and not bare.startswith("//") and normpath(bare) == bare:
        return bare
    shown = path if len(path) <= MAX_NAME_LENGTH else f"{path[:20]}… ({len(path)} characters)"
    raise InvalidInput(
        f"{shown!r} is not a valid mount path. Give an absolute path like /datastores/data, without '.', '..' or '//',"
        f" of at most {MAX_PATH_LENGTH} printable characters."
    )


def check_readable(version: Version) -> None:
    """Raise a refusal unless the version is available. Only then can it be listed, read and downloaded."""
    check_not_deleted(version)
    if version.phase is not Phase.AVAILABLE:
        raise NotReadable.of(version.ref, version.phase)


def require_available(version: Version) -> Version:
    """Return the version if it is available. Otherwise raise the refusal with the cause."""
    if version.phase is Phase.FAILED:
        raise SourceFailed(f"Version {version.ref.number} of {version.ref.name} failed: {version.message}")
    check_readable(version)
    return version


def check_open(version: Version) -> None:
    """Raise a refusal unless the version accepts data (rule version-immutable)."""
    check_not_deleted(version)
    if version.phase is not Phase.UPLOADING:
        raise Immutable.of(version.ref, version.phase)


def can_finish_later(version: Version, trouble: Refusal) -> bool:
    """Return whether the version stays unfinished for a retry, because the error is not in its data.

    If the disk is full, a fetched version fails instead: its source still has the data. Rule version-complete.
    """
    full = isinstance(trouble, NoSpace) and version.source.kind is SourceKind.FILES
    return full or isinstance(trouble, (Busy, CatalogFailed))


def holds(workload: Workload, now: datetime) -> bool:
    """Return whether the workload holds its versions: it is live, and its lease has not expired.

    Enforces in-use-paused and in-use-dead-holder.
    """
    return workload.state.live and (workload.lease_until is None or workload.lease_until > now)


def check_revivable(run: Workload, mounted: Sequence[Version]) -> None:
    """Raise `NotThatState` unless the Run's lease merely expired and all its versions are still available.

    A Run that was ended has no lease any more.
    """
    lease_expired = run.state in (WorkloadState.RUNNING, WorkloadState.FAILED) and run.lease_until is not None
    if not lease_expired or any(version.phase is not Phase.AVAILABLE for version in mounted):
        raise NotThatState(f"Run {run.name} no longer holds its versions: it has ended, or its lease has expired.")


_TRANSITIONS: dict[WorkloadKind, dict[WorkloadState, frozenset[WorkloadState]]] = {
    WorkloadKind.SESSION: {
        WorkloadState.RUNNING: frozenset({WorkloadState.PAUSED, WorkloadState.DELETED, WorkloadState.FAILED}),
        WorkloadState.PAUSED: frozenset({WorkloadState.RUNNING, WorkloadState.DELETED, WorkloadState.FAILED}),
    },
    WorkloadKind.RUN: {
        WorkloadState.RUNNING: frozenset(
            {WorkloadState.SUCCEEDED, WorkloadState.FAILED, WorkloadState.CANCELED, WorkloadState.DELETED}
        ),
    },
}


def check_transition(workload: Workload, state: WorkloadState) -> None:
    """Raise `NotThatState` if the workload cannot change to this state. Its current state is always allowed."""
    if state is workload.state or state in _TRANSITIONS[workload.kind].get(workload.state, frozenset()):
        return
    ended = workload.kind is WorkloadKind.RUN and not workload.state.live
    if ended and state is WorkloadState.DELETED:
        return
    raise NotThatState(f"{workload.kind} {workload.name} is {workload.state} and cannot become {state}.")


def pick_by_name(workloads: Sequence[Workload], kind: WorkloadKind, name: str) -> Workload:
    """Return the workload of this name: the live one if there are several, else the newest. Raises `NotFound`."""
    known = [workload for workload in workloads if workload.name == name]
    if not known:
        raise NotFound(f"There is no {kind} {name}.")
    return max(known, key=lambda workload: (workload.state.live, workload.created_at))
