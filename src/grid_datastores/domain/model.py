"""The values that the whole implementation speaks in. No I/O, no decisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Phase(StrEnum):
    """Where a version stands in its life."""

    UPLOADING = "uploading"
    OPTIMIZING = "optimizing"
    AVAILABLE = "available"
    FAILED = "failed"
    DELETED = "deleted"

    @property
    def unfinished(self) -> bool:
        """Whether data may still arrive."""
        return self in (Phase.UPLOADING, Phase.OPTIMIZING)

    @property
    def takes_place(self) -> bool:
        """Whether it counts against the quota: failed uploads and deleted versions do not (rule quota-limit)."""
        return self.unfinished or self is Phase.AVAILABLE


class SourceKind(StrEnum):
    """How a version's data came."""

    FILES = "files"
    ARCHIVE = "archive"
    BUCKET = "bucket"
    REFERENCE = "reference"

    @property
    def how(self) -> str:
        """How the data came, as people read it (rule source-shown)."""
        return {
            SourceKind.FILES: "files, uploaded",
            SourceKind.ARCHIVE: "archive, fetched and extracted",
            SourceKind.BUCKET: "bucket, copied",
            SourceKind.REFERENCE: "reference; deleting removes the reference and leaves the bucket alone",
        }[self]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a version's data came from: a path, a URL or a bucket, as the user gave it ("" when not told)."""

    kind: SourceKind
    location: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where versions are kept, and for whom.

    `id` is the place's own: it does not depend on the address or the path that was typed. `words` are for people.
    `earlier` are the names that earlier releases wrote into their notes on this machine.
    """

    id: str
    words: str
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class User:
    """Someone who owns versions."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, order=True)
class VersionRef:
    """The two things that name a version, always together (rule delete-needs-both)."""

    name: str
    number: int

    def __str__(self) -> str:
        return f"version {self.number} of {self.name}"


@dataclass(frozen=True, slots=True)
class Version:
    """One uploaded dataset: complete, immutable, independent. Sizes are bytes."""

    id: str
    owner_id: str
    ref: VersionRef
    source: Source
    phase: Phase
    created_at: datetime
    message: str = ""
    finished_at: datetime | None = None
    size_bytes: int = 0
    file_count: int = 0
    fingerprint: str = ""
    last_used_at: datetime | None = None
    last_used_by: str = ""
    deleted_at: datetime | None = None
    deleted_by: str = ""
    bytes_gone_at: datetime | None = None

    @property
    def deleted_how(self) -> str:
        """What follows the moment of its deletion: by whom; nobody deletes an upload that failed."""
        return f" by {self.deleted_by}" if self.deleted_by else ", as it was never finished"


ETAG = "etag:"
SINGLE_REFERENCE = "ref-alone"  # the object of a reference to one object: its key is the location itself


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a version: its content is `size` bytes of `object`, from `offset` on.

    `sha256` is in hexadecimal; for a file that is referenced in a bucket, which nobody has read, "etag:" and its ETag.
    `modified` is in nanoseconds since the epoch, None where the source does not say (rule version-complete).
    """

    path: str
    size: int
    sha256: str
    object: str
    offset: int
    executable: bool = False
    modified: int | None = None

    @property
    def modified_at(self) -> datetime | None:
        """The same as a time, to the microsecond."""
        return None if self.modified is None else _EPOCH + timedelta(microseconds=self.modified // 1000)


class WorkloadKind(StrEnum):
    """What can mount a version."""

    SESSION = "Session"
    RUN = "Run"


class WorkloadState(StrEnum):
    """Where a workload stands in its life."""

    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    DELETED = "deleted"

    @property
    def live(self) -> bool:
        """Whether its mounts hold their versions; a paused Session can be resumed (rule in-use-paused)."""
        return self in (WorkloadState.RUNNING, WorkloadState.PAUSED)


@dataclass(frozen=True, slots=True)
class Mount:
    """A workload's use of one version at a path."""

    version_id: str
    ref: VersionRef
    path: str


@dataclass(frozen=True, slots=True)
class Workload:
    """A Session or a Run, with what it mounts."""

    id: str
    kind: WorkloadKind
    owner_id: str
    name: str
    state: WorkloadState
    state_since: datetime
    created_at: datetime
    mounts: tuple[Mount, ...] = ()
    lease_until: datetime | None = None
    lease_seconds: int | None = None  # the length of its lease, whoever looks at it


@dataclass(frozen=True, slots=True)
class Holder:
    """A workload whose mount keeps a version from deletion."""

    kind: WorkloadKind
    id: str
    name: str
    state: WorkloadState
    since: datetime


@dataclass(frozen=True, slots=True)
class Quota:
    """How many versions a user has, and may have."""

    used: int
    limit: int

    @property
    def full(self) -> bool:
        """Whether there is no place for one more."""
        return self.used >= self.limit


@dataclass(frozen=True, slots=True)
class Kept:
    """A version that stays when another one is deleted."""

    number: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a deletion took and what it left."""

    id: str
    ref: VersionRef
    source: Source
    file_count: int
    size_bytes: int
    deleted_at: datetime
    kept: tuple[Kept, ...]
    quota_before: Quota
    quota_after: Quota
    may_have_copies: bool = False  # another machine may hold a copy that a Run made


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a delete would answer now: a refusal's sentence, or "" and the receipt it would give."""

    refusal: str
    receipt: Receipt


class EventKind(StrEnum):
    """What can happen to a version."""

    CREATED = "created"
    UPLOADED = "uploaded"
    FAILED = "failed"
    MOUNTED = "mounted"
    RELEASED = "released"
    REFUSED = "refused"
    DELETED = "deleted"
    BYTES_GONE = "bytes gone"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a version's history: when, who, what."""

    id: int
    at: datetime
    actor: str
    kind: EventKind
    message: str


@dataclass(frozen=True, slots=True)
class Details:
    """All that is known of one version."""

    version: Version
    holders: tuple[Holder, ...] = ()
    history: tuple[Event, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Upload:
    """One object on its way into a version, in numbered parts."""

    id: str
    version_id: str
    key: str
    parts: int
    expires_at: datetime
    completed: bool
