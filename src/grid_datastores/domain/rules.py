"""The decisions: pure, one function a rule, each raising the refusal that the rule documents."""

from __future__ import annotations

from posixpath import normpath
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import (
    AlreadyDeleted,
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
from grid_datastores.domain.naming import NAME_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import PurePath

    from grid_datastores.domain.errors import Refusal
    from grid_datastores.domain.model import Holder, Quota, Version, VersionRef, Workload

LARGEST_PART = 5 * 1024**3  # bytes
PATH_LENGTH = 255


def check_source_place(source: PurePath, directory: PurePath, kept: Iterable[PurePath]) -> None:
    """The source does not hold the directory, and is none of what is kept and lies in none; all are whole paths."""
    if directory.is_relative_to(source) or any(source.is_relative_to(place) for place in kept):
        raise InvalidInput(
            f"No version can be made of {source}: grid keeps its own data and credentials in {directory}."
            " Give a folder apart from it."
        )


def check_part_size(size: int) -> None:
    """A part of an upload is not larger than S3 takes it; more would fill the disk of everybody."""
    if size > LARGEST_PART:
        raise InvalidInput(f"A part of an upload may have {LARGEST_PART} bytes; send it in more parts.")


def next_number(last: int) -> int:
    """The next version's number; `last` never goes back (version-per-upload, version-number-unused)."""
    return last + 1


def check_quota(quota: Quota, unused: Sequence[VersionRef]) -> None:
    """One more version fits (rule quota-limit)."""
    if quota.full:
        raise QuotaReached.of(quota, unused)


def check_not_deleted(version: Version) -> None:
    """The version is still there (rules delete-immediate, delete-unknown)."""
    if version.phase is Phase.DELETED:
        raise AlreadyDeleted.of(version)


def check_deletable(version: Version, holders: Sequence[Holder]) -> None:
    """Nothing holds the version, and it is still there (rules in-use-refused, delete-unknown)."""
    check_not_deleted(version)
    if holders:
        raise InUse.of(version.ref, holders)


def check_mountable(version: Version) -> None:
    """The version is there and available (rules in-use-no-mount-after, delete-unknown)."""
    check_not_deleted(version)
    if version.phase is not Phase.AVAILABLE:
        raise NotMountable.of(version.ref, version.phase)


def check_mount_path(path: str) -> str:
    """The path, if a version can be mounted there, without a slash at its end."""
    bare = path.rstrip("/") or path[:1]
    plain = path.isprintable() and len(path) <= PATH_LENGTH
    if plain and bare.startswith("/") and not bare.startswith("//") and normpath(bare) == bare:
        return bare
    shown = path if len(path) <= NAME_LENGTH else f"{path[:20]}… ({len(path)} characters)"
    raise InvalidInput(
        f"Nothing can be mounted at {shown!r}: give an absolute path like /datastores/data, without '.', '..' or '//',"
        f" of at most {PATH_LENGTH} printable characters."
    )


def check_readable(version: Version) -> None:
    """The version can be listed into, read and downloaded (rule delete-immediate)."""
    check_not_deleted(version)
    if version.phase is not Phase.AVAILABLE:
        raise NotReadable.of(version.ref, version.phase)


def available(version: Version) -> Version:
    """The version, if it came to be available; raises what kept it from that."""
    if version.phase is Phase.FAILED:
        raise SourceFailed(f"{version.message} (version {version.ref.number} of {version.ref.name} has failed)")
    check_readable(version)
    return version


def check_open(version: Version) -> None:
    """The version still takes data (rule version-immutable)."""
    check_not_deleted(version)
    if version.phase is not Phase.UPLOADING:
        raise Immutable.of(version.ref, version.phase)


def can_be_finished_later(version: Version, trouble: Refusal) -> bool:
    """Whether the trouble says nothing of the version's data, which is kept (rule version-complete).

    What is fetched is dropped when the disk is full: it is still where it came from, and would be fetched in vain.
    """
    full = isinstance(trouble, NoSpace) and version.source.kind is SourceKind.FILES
    return full or isinstance(trouble, CatalogFailed)


def holds(workload: Workload, now: datetime) -> bool:
    """Whether the workload's mounts keep their versions (rules in-use-paused, in-use-dead-holder)."""
    return workload.state.live and (workload.lease_until is None or workload.lease_until > now)


def check_lapsed(run: Workload, mounted: Sequence[Version], now: datetime) -> None:
    """The Run did not end, it was only given up for dead, and all that it mounts is still there."""
    until = run.lease_until
    lapsed_at = now if run.state is WorkloadState.RUNNING else run.state_since
    given_up = run.state in (WorkloadState.RUNNING, WorkloadState.FAILED) and until is not None and until <= lapsed_at
    if not given_up or any(version.phase is not Phase.AVAILABLE for version in mounted):
        raise NotThatState(f"Run {run.name} holds nothing any more: it has ended, or no heartbeat came in time.")


_STEPS: dict[WorkloadKind, dict[WorkloadState, frozenset[WorkloadState]]] = {
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


def check_step(workload: Workload, wanted: WorkloadState) -> None:
    """The workload can go to the wanted state; staying where it is is no step and is allowed."""
    if wanted is workload.state or wanted in _STEPS[workload.kind].get(workload.state, frozenset()):
        return
    ended = workload.kind is WorkloadKind.RUN and not workload.state.live
    if ended and wanted is WorkloadState.DELETED:
        return
    raise NotThatState(f"{workload.kind} {workload.name} is {workload.state}; it cannot become {wanted}.")


def choose_named(workloads: Sequence[Workload], kind: WorkloadKind, name: str) -> Workload:
    """The workload of this name; of several, the live one, else the newest. Raises `NotFound`."""
    known = [workload for workload in workloads if workload.name == name]
    if not known:
        raise NotFound(f"There is no {kind} {name}.")
    return max(known, key=lambda workload: (workload.state.live, workload.created_at))
