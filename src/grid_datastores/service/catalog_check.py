"""Refuse a catalog that does not belong to the data beside it, or that is older than the data, before it is opened.

Such a catalog would list deleted versions again and give their numbers to new ones. Enforces delete-irreversible and
version-number-unused.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from grid_datastores.catalog import peek
from grid_datastores.catalog.mixed import lacks_pages
from grid_datastores.domain import log
from grid_datastores.domain.errors import CatalogFailed, Damaged
from grid_datastores.domain.log import continuation
from grid_datastores.domain.model import Phase
from grid_datastores.domain.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from grid_datastores.settings import Settings
    from grid_datastores.storage import Storage

    Record = dict[str, object]


class Fault(Enum):
    """Why a catalog cannot be used with the data."""

    MISSING = auto()  # there is none, or its file is empty
    OLDER = auto()  # than the log
    NEWER = auto()  # than the log, or the log is missing
    LOST = auto()  # it lacks the last changes, whose lines in the log are damaged
    OTHER = auto()  # it belongs to other data


@dataclass(frozen=True, slots=True)
class Lacking:
    """The records that the log has and a catalog lacks, by the id of the user or version."""

    users: dict[str, Record] = field(default_factory=dict)
    versions: dict[str, Record] = field(default_factory=dict)
    moves: dict[str, Record] = field(default_factory=dict)  # of versions to another owner
    finished: dict[str, Record] = field(default_factory=dict)
    deletions: dict[str, Record] = field(default_factory=dict)
    removals: dict[str, Record] = field(default_factory=dict)

    @property
    def user_names(self) -> list[str]:
        """The names of the users who were not removed, sorted."""
        return sorted(str(record["name"]) for user_id, record in self.users.items() if user_id not in self.removals)

    def __bool__(self) -> bool:
        """Whether the catalog lacks anything."""
        found = (self.users, self.versions, self.moves, self.finished, self.deletions, self.removals)
        return any(found)

    def __str__(self) -> str:
        versions = {*self.versions, *self.finished}
        counts = ((self.users, "user"), (versions, "version"), (self.deletions, "deletion"))
        counted_ones = [counted(len(found), what) for found, what in counts if found]
        if self.moves:
            counted_ones.append(f"the move of {counted(len(self.moves), 'version')} to another owner")
        if self.removals:
            counted_ones.append(f"the removal of {counted(len(self.removals), 'user')}")
        return " and ".join(counted_ones)


def check_catalog(settings: Settings, storage: Storage) -> None:
    """Raise `CatalogFailed` unless the catalog belongs to the data and has all that the log has. Changes nothing.

    Raises `Damaged` for a catalog that was copied in parts at different times.
    """
    if lacks_pages(settings.catalog):
        check_corruption(settings.catalog)
    fault = find_fault(settings.catalog, storage)
    if fault is not None:
        raise CatalogFailed(_message(fault, settings, storage))


def check_corruption(catalog: Path) -> None:
    """Raise `Damaged` if SQLite finds the catalog corrupt. This reads it all, so a start does it only with a reason.

    A file that SQLite cannot read is left to whoever opens it.
    """
    with suppress(peek.Unreadable):
        if found := peek.corruption(catalog):
            raise Damaged(f"The catalog {catalog} is damaged: {found}. Restore it from a backup.")


def find_fault(catalog: Path, storage: Storage) -> Fault | None:
    """Return what is wrong with the catalog, or None. Reads only the end of the log, unless something is wrong.

    Returns None for a file that SQLite cannot read: opening it reports why.
    """
    if not catalog.exists() or (catalog.is_file() and catalog.stat().st_size == 0):
        return Fault.MISSING if _is_begun(storage) or storage.begun_versions() else None
    try:
        with storage.log.end() as end:
            newest = peek.log_entries(catalog, end.last.sequence if end.last else 0)
    except peek.Unreadable:
        return None
    following = continuation(end.last, newest)
    if following is not None:
        return Fault.LOST if len(following) < end.lost else None
    if end.last is None and _is_begun(storage):  # another process has just begun it
        return find_fault(catalog, storage)
    return _diagnosis(catalog, storage)


def _is_begun(storage: Storage) -> bool:
    with storage.log.end() as end:
        return end.last is not None


def lacking(catalog: Path, storage: Storage) -> Lacking:
    """Return what the whole log has and the catalog lacks. A later record of a version replaces an earlier one.

    Processes can change both meanwhile: a change is in the catalog before it is in the log, which is held here. Raises
    `Damaged` if the log cannot be read.
    """
    with storage.log.end():
        return _lacking(catalog, (entry.record for entry in storage.log.entries()))


def _lacking(catalog: Path, records: Iterable[Record]) -> Lacking:
    users, removed = peek.user_ids(catalog), peek.removed_user_ids(catalog)
    phases, places, found = peek.phases(catalog), peek.places(catalog), Lacking()
    reached: set[str] = set()  # the versions whose place in the catalog the log has reached
    for record in records:
        kind = next(iter(record))
        record_id = str(record[kind])
        phase = phases.get(record_id)
        if kind == log.USER and record_id not in users:
            found.users[record_id] = record
        elif kind == log.REMOVED and record_id not in removed:
            found.removals[record_id] = record
        elif kind == log.VERSION and phase is None:
            found.versions[record_id] = record
        elif kind == log.VERSION and (record["owner_id"], record["name"]) == places[record_id]:
            reached.add(record_id)
            found.moves.pop(record_id, None)
        elif kind == log.VERSION and record_id in reached:
            found.moves[record_id] = record
        elif kind == log.FINISHED and (phase is None or phase.unfinished):
            found.finished[record_id] = record
        elif kind == log.DELETED and phase is not Phase.DELETED:
            found.deletions[record_id] = record
    return found


def _diagnosis(catalog: Path, storage: Storage) -> Fault:
    """Return what is wrong with a catalog that the log does not continue from. Reads the whole log."""
    records = [entry.record for entry in storage.log.entries()]
    if records and records[0].get(log.CATALOG) != peek.place_id(catalog):
        known = peek.phases(catalog)  # a catalog of an older release may have no id
        if not any(str(record.get(log.VERSION)) in known for record in records):
            return Fault.OTHER
    return Fault.OLDER if lacking(catalog, storage) else Fault.NEWER


def _message(fault: Fault, settings: Settings, storage: Storage) -> str:
    catalog, data = settings.catalog, settings.data
    match fault:
        case Fault.MISSING:
            state = "is empty" if catalog.exists() else "is missing"
            return (
                f"The catalog {catalog} {state}, but {data} has the data of one. Nothing was changed."
                " Restore the catalog from a backup."
            )
        case Fault.OTHER:
            return (
                f"The catalog {catalog} does not belong to the data in {data}. Nothing was changed."
                " Restore the catalog of this data from a backup, or set GRID_DIR to the folder of the catalog's data."
            )
        case Fault.NEWER:
            return (
                f"The data in {data} is older than the catalog {catalog}, or its log is missing. Nothing was changed."
                " Restore the data that belongs to the catalog. To write a new log instead: grid admin check --repair"
            )
        case Fault.LOST:
            return (
                f"The last line of the log in {data} is damaged, and the catalog {catalog} does not have its change."
                " Nothing was changed. Restore a newer catalog from a backup."
                " To continue without this change: grid admin check --repair"
            )
        case Fault.OLDER:
            return (
                f"The catalog {catalog} is older than the data in {data}: it lacks {lacking(catalog, storage)}."
                " Nothing was changed."
                " To bring it up to date: grid admin check --repair"
            )
