"""What a list of versions shows, and how it is sorted. No I/O, no decisions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from grid_datastores.domain.model import Phase

if TYPE_CHECKING:
    from datetime import datetime

    from grid_datastores.domain.model import Holder, Quota, Version, Workload


class VersionList(StrEnum):
    """The lists of versions. Each version is in exactly one."""

    CURRENT = "current"  # available or unfinished: it counts against the quota
    FAILED = "failed"
    DELETED = "deleted"


class SortColumn(StrEnum):
    """The columns that the current versions of a datastore can be sorted by."""

    NUMBER = "number"
    SIZE = "size"
    FILES = "files"
    USED = "used"


class SortOrder(StrEnum):
    """The directions of a sorted list."""

    ASCENDING = "asc"
    DESCENDING = "desc"


class Window(NamedTuple):
    """A part of a list: at most `size` items, from the item at `start` on. Items count from 0."""

    start: int
    size: int


class Selection(NamedTuple):
    """The versions to list: those of one datastore ("" for all), whose number, source or name matches the text."""

    part: VersionList = VersionList.CURRENT
    name: str = ""
    text: str = ""
    column: SortColumn = SortColumn.NUMBER
    order: SortOrder = SortOrder.DESCENDING


class Datastore(NamedTuple):
    """A name, with how many current versions and failed uploads it has, and the current versions' size in bytes."""

    name: str
    versions: int
    failed: int
    size_bytes: int


class ListedVersion(NamedTuple):
    """A version in a list, with the workloads that hold it."""

    version: Version
    holders: tuple[Holder, ...] = ()


class KeptVersion(NamedTuple):
    """A version that stayed when another one was deleted. It may have been deleted since."""

    number: int
    fingerprint: str
    deleted_at: datetime | None


class Kept(NamedTuple):
    """The newest versions that stayed when another one was deleted, and how many stayed in all."""

    newest: tuple[KeptVersion, ...]
    total: int


class Overview(NamedTuple):
    """One page of a user's datastores, each with its newest current versions."""

    datastores: tuple[tuple[Datastore, tuple[ListedVersion, ...]], ...]
    more: bool  # whether another page follows
    failed: int  # how many failed uploads there are in all datastores
    quota: Quota


class VersionsPage(NamedTuple):
    """One page of a list of versions."""

    versions: tuple[ListedVersion, ...]
    more: bool  # whether another page follows
    failed: int  # how many failed uploads there are in the datastore, or in all
    datastore: Datastore | None  # None for a list of all datastores


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which of a user's versions a list has. Without a name, those of all datastores; number 0 is any."""

    name: str = ""
    number: int = 0
    available: bool = False  # only those that are available
    deleted: bool = False  # also those that are deleted

    def has(self, phase: Phase) -> bool:
        """Return whether a version in this phase is one of them."""
        return phase is Phase.AVAILABLE if self.available else self.deleted or phase is not Phase.DELETED


class WholeList(NamedTuple):
    """One page of a list of versions, sorted by name and number."""

    versions: tuple[Version, ...]
    more: bool  # whether another page follows


class WorkloadsPage(NamedTuple):
    """One page of a list of Sessions or Runs."""

    workloads: tuple[Workload, ...]
    more: bool  # whether another page follows
