"""The model: what users, versions, numbers, quota, mounts and leases should be, in a few dozen lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from grid_datastores.domain import errors
from grid_datastores.domain.model import Phase, Version, VersionRef, Workload, WorkloadKind, WorkloadState
from trust.places import EXPIRY, LEASE, QUOTA

Refused = type[errors.Refusal] | None
_LIVE = (WorkloadState.RUNNING, WorkloadState.PAUSED)
_ENDED = (WorkloadState.SUCCEEDED, WorkloadState.FAILED, WorkloadState.CANCELED)


@dataclass(eq=False)
class Kept:
    """A version of the model, and the one that it stands for."""

    owner: str
    version: Version
    active_at: float
    phase: Phase = Phase.UPLOADING
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def ref(self) -> VersionRef:
        """Its name and number."""
        return self.version.ref


@dataclass(eq=False)
class Work:
    """A Session or Run of the model."""

    owner: str
    workload: Workload
    mounts: tuple[Kept, ...]
    born: int  # the number of the operation that started it
    lease_until: float | None = None
    state: WorkloadState = WorkloadState.RUNNING
    state_since: float = 0.0

    def holds(self, now: float) -> bool:
        """Whether its versions are in use."""
        return self.state in _LIVE and (self.lease_until is None or self.lease_until > now)


@dataclass
class History:
    """All versions and workloads so far, and the time in seconds."""

    now: float = 0.0
    kept: list[Kept] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def of(self, owner: str) -> list[Kept]:
        """The versions of a user that are not deleted, by name and number."""
        mine = [kept for kept in self.kept if kept.owner == owner and kept.phase is not Phase.DELETED]
        return sorted(mine, key=lambda kept: kept.ref)

    def find(self, owner: str, ref: VersionRef) -> Kept | None:
        """A user's version, deleted or not."""
        return next((kept for kept in self.kept if kept.owner == owner and kept.ref == ref), None)

    def used(self, owner: str) -> int:
        """How many versions count against the quota."""
        return sum(kept.phase in (Phase.UPLOADING, Phase.AVAILABLE) for kept in self.of(owner))

    def room(self, owner: str) -> Refused:
        """How a create is refused."""
        return errors.QuotaReached if self.used(owner) >= QUOTA else None

    def next_number(self, owner: str, name: str) -> int:
        """Take the next number."""
        self.numbers[owner, name] = self.numbers.get((owner, name), 0) + 1
        return self.numbers[owner, name]

    def holders(self, kept: Kept) -> set[str]:
        """The names of those that hold a version."""
        return {work.workload.name for work in self.work if kept in work.mounts and work.holds(self.now)}

    def deletable(self, owner: str, ref: VersionRef) -> Refused:
        """How a delete is refused."""
        kept = self.find(owner, ref)
        if kept is None:
            return errors.NotFound
        if kept.phase is Phase.DELETED:
            return errors.AlreadyDeleted
        return errors.InUse if self.holders(kept) else None

    def takes_data(self, owner: str, kept: Kept) -> Refused:
        """How data is refused."""
        if kept.owner != owner:
            return errors.NotFound
        if kept.phase is Phase.DELETED:
            return errors.AlreadyDeleted
        return None if kept.phase is Phase.UPLOADING else errors.Immutable

    def readable(self, owner: str, kept: Kept) -> Refused:
        """How reading is refused."""
        if kept.owner != owner:
            return errors.NotFound
        if kept.phase is Phase.DELETED:
            return errors.AlreadyDeleted
        return None if kept.phase is Phase.AVAILABLE else errors.NotReadable

    def mountable(self, owner: str, kind: WorkloadKind, name: str, mounts: list[Kept]) -> Refused:
        """How a Session or Run is refused."""
        if any(kept.owner != owner for kept in mounts):
            return errors.NotFound
        taken = [work for work in self.of_kind(owner, kind) if work.workload.name == name]
        if any(work.holds(self.now) for work in taken):
            return errors.NameTaken
        for kept in sorted(mounts, key=lambda kept: kept.version.id):
            if kept.phase is Phase.DELETED:
                return errors.AlreadyDeleted
            if kept.phase is not Phase.AVAILABLE:
                return errors.NotMountable
        names = [kept.ref.name for kept in mounts]
        return errors.InvalidInput if len(set(names)) != len(names) else None

    def of_kind(self, owner: str, kind: WorkloadKind) -> list[Work]:
        """A user's Sessions or Runs that are not deleted, oldest first."""
        return [
            work
            for work in self.work
            if work.owner == owner and work.workload.kind is kind and work.state is not WorkloadState.DELETED
        ]

    def named(self, owner: str, kind: WorkloadKind, name: str) -> Work | None:
        """The one that a command means: the live one, else the newest."""
        known = [work for work in self.of_kind(owner, kind) if work.workload.name == name]
        return max(known, key=lambda work: (work.state in _LIVE, work.born), default=None)

    def can_become(self, work: Work | None, state: WorkloadState) -> Refused:
        """How a change of state is refused."""
        if work is None:
            return errors.NotFound
        now, session = work.state, work.workload.kind is WorkloadKind.SESSION
        if now is state or (session and now in _LIVE) or (not session and now is WorkloadState.RUNNING):
            return None
        ended = not session and now in _ENDED and state is WorkloadState.DELETED
        return None if ended else errors.NotThatState

    def beats(self, run: Work) -> Refused:
        """How a heartbeat is refused."""
        if run.state is WorkloadState.DELETED:
            return errors.NotFound
        if run.holds(self.now):
            return None
        at = self.now if run.state is WorkloadState.RUNNING else run.state_since
        lapsed = run.state in (WorkloadState.RUNNING, WorkloadState.FAILED) and run.lease_until is not None
        lapsed = lapsed and (run.lease_until or 0) <= at
        sound = all(kept.phase is Phase.AVAILABLE for kept in run.mounts)
        return None if lapsed and sound else errors.NotThatState

    def beat(self, run: Work) -> None:
        """A heartbeat came."""
        if run.state is not WorkloadState.RUNNING:
            run.state, run.state_since = WorkloadState.RUNNING, self.now
        if run.lease_until is not None:
            run.lease_until = self.now + LEASE

    def tidy(self) -> None:
        """End what has expired."""
        for work in self.work:
            lapsed = work.lease_until is not None and work.lease_until <= self.now
            if work.state is WorkloadState.RUNNING and lapsed:
                work.state, work.state_since = WorkloadState.FAILED, self.now
        for kept in self.kept:
            if kept.phase is Phase.UPLOADING and self.now - kept.active_at > EXPIRY:
                kept.phase = Phase.FAILED
