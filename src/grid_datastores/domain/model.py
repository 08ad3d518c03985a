"""The values that all rooms share. No I/O, no decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Phase(StrEnum):
    """The phase of a version's life."""

    UPLOADING = "uploading"
    FETCHING = "fetching"
    OPTIMIZING = "optimizing"
    AVAILABLE = "available"
    FAILED = "failed"
    DELETED = "deleted"

    @property
    def unfinished(self) -> bool:
        """Whether data may still arrive."""
        return self in (Phase.UPLOADING, Phase.FETCHING, Phase.OPTIMIZING)

    @property
    def in_background(self) -> bool:
        """Whether the service works on the version: it fetches the data, or checks data that has arrived."""
        return self in (Phase.FETCHING, Phase.OPTIMIZING)

    @property
    def counts_against_quota(self) -> bool:
        """Whether it counts against the quota. Failed uploads and deleted versions do not. Enforces quota-freed."""
        return self.unfinished or self is Phase.AVAILABLE


class SourceKind(StrEnum):
    """The kind of source that a version's data came from."""

    FILES = "files"
    ARCHIVE = "archive"
    BUCKET = "bucket"
    REFERENCE = "reference"

    @property
    def is_fetched(self) -> bool:
        """Whether the service fetches the data. Otherwise, a client sends it."""
        return self is not SourceKind.FILES

    @property
    def how(self) -> str:
        """How the data reached the version, in words for users. Enforces source-shown."""
        return {
            SourceKind.FILES: "files, uploaded",
            SourceKind.ARCHIVE: "archive, fetched and extracted",
            SourceKind.BUCKET: "bucket, copied",
            SourceKind.REFERENCE: "reference; deleting removes the reference and leaves the bucket alone",
        }[self]


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a version's data: a path, URL or bucket as the user gave it ("" if unknown)."""

    kind: SourceKind
    location: str


class Place(NamedTuple):
    """Where versions are stored, and for which user.

    `id` does not depend on the typed address or path. `description` is for people. `former_ids` are the ids that
    earlier releases wrote into their journals on this machine. `user_name` is "" for a folder, which has one owner.
    """

    id: str
    description: str
    former_ids: tuple[str, ...] = ()
    user_name: str = ""


class User(NamedTuple):
    """A user who owns versions."""

    id: str
    name: str


class VersionRef(NamedTuple):
    """A datastore's name and a version number, which only together identify a version. Enforces delete-needs-both."""

    name: str
    number: int

    def __str__(self) -> str:
        return f"version {self.number} of {self.name}"


@dataclass(frozen=True, slots=True)
class Version:
    """One uploaded dataset: complete, immutable, independent. Sizes are in bytes."""

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
    manifest_sha256: str = ""  # "" if an older release or another machine stored the version
    last_used_at: datetime | None = None
    last_used_by: str = ""
    deleted_at: datetime | None = None
    deleted_by: str = ""
    bytes_gone_at: datetime | None = None

    @property
    def deletion_suffix(self) -> str:
        """The text after the time of deletion: by whom, or that it was never finished."""
        return f" by {self.deleted_by}" if self.deleted_by else ", as it was never finished"


ETAG = "etag:"
SINGLE_REFERENCE = "ref-alone"  # the object name for a reference to one object, whose key is the location itself


class FileEntry(NamedTuple):
    """One file of a version: its content is `size` bytes of `object`, starting at `offset`.

    `sha256` is in hexadecimal. For a file referenced in a bucket, whose content is not read, it is "etag:" and the
    ETag. `modified` is in nanoseconds since the epoch, or None if the source does not have it (rule version-complete).
    A tuple, because a version may have 100,000 files: a frozen dataclass takes three times as long.
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
        """`modified` as a time, to the microsecond."""
        return None if self.modified is None else _EPOCH + timedelta(microseconds=self.modified // 1000)


class WorkloadKind(StrEnum):
    """The kinds of workload that can mount a version."""

    SESSION = "Session"
    RUN = "Run"


class WorkloadState(StrEnum):
    """The state of a workload."""

    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    DELETED = "deleted"

    @property
    def live(self) -> bool:
        """Whether it holds its versions. A paused Session does, because it can be resumed. Enforces in-use-paused."""
        return self in (WorkloadState.RUNNING, WorkloadState.PAUSED)


class Mount(NamedTuple):
    """A workload's use of one version at a path."""

    version_id: str
    ref: VersionRef
    path: str


@dataclass(frozen=True, slots=True)
class Workload:
    """A Session or a Run, with its mounts."""

    id: str
    kind: WorkloadKind
    owner_id: str
    name: str
    state: WorkloadState
    state_since: datetime
    created_at: datetime
    mounts: tuple[Mount, ...] = ()
    lease_until: datetime | None = None
    lease_seconds: int | None = None  # the length of its lease, which does not depend on the process that renews it


class Holder(NamedTuple):
    """A workload that holds a version, so that the version cannot be deleted."""

    kind: WorkloadKind
    id: str
    name: str
    state: WorkloadState
    since: datetime


class Quota(NamedTuple):
    """How many versions a user has and may have."""

    used: int
    limit: int

    @property
    def full(self) -> bool:
        """Whether the quota is reached."""
        return self.used >= self.limit


@dataclass(frozen=True, slots=True)
class Unused:
    """Versions that can be deleted now, unused longest first: some of `count`, which take `size_bytes` in all."""

    versions: tuple[Version, ...]
    count: int
    size_bytes: int


class RemainingVersion(NamedTuple):
    """A version that remains when another one is deleted."""

    number: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of a deletion: the deleted version, the remaining versions, the quota. Sizes are in bytes.

    `remaining` has the newest of the datastore's other versions, sorted, and `remaining_total` is how many there are.
    """

    id: str
    ref: VersionRef
    source: Source
    file_count: int
    size_bytes: int
    deleted_at: datetime
    remaining: tuple[RemainingVersion, ...]
    remaining_total: int
    quota_before: Quota
    quota_after: Quota
    may_have_copies: bool = False  # another machine may have a copy that a Run made


class Verdict(NamedTuple):
    """What a delete would answer now: the refusal's message ("" for none), and the receipt."""

    refusal: str
    receipt: Receipt


class EventKind(StrEnum):
    """The kinds of events in a version's history."""

    CREATED = "created"
    UPLOADED = "uploaded"
    FAILED = "failed"
    MOUNTED = "mounted"
    RELEASED = "released"
    REFUSED = "refused"
    DELETED = "deleted"
    BYTES_GONE = "bytes gone"
    MOVED = "moved"


class Event(NamedTuple):
    """One event in a version's history."""

    id: int
    at: datetime
    actor: str
    kind: EventKind
    message: str


class Details(NamedTuple):
    """A version with its holders and history."""

    version: Version
    holders: tuple[Holder, ...] = ()
    history: tuple[Event, ...] = ()


class Upload(NamedTuple):
    """One object that is being uploaded into a version, in numbered parts."""

    id: str
    version_id: str
    key: str
    parts: int
    expires_at: datetime
    completed: bool
