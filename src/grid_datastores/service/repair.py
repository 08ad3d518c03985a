"""Bring a catalog from a backup up to date with the log of the data, so that it can be used again."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

from grid_datastores.catalog import Catalog
from grid_datastores.domain.errors import Damaged
from grid_datastores.domain.model import EventKind, Source, SourceKind, User, VersionRef
from grid_datastores.domain.naming import unique_name
from grid_datastores.service.catalog_check import Fault, Lacking, check_catalog, find_fault, lacking
from grid_datastores.service.context import utc_now
from grid_datastores.service.service import open_storage

if TYPE_CHECKING:
    from grid_datastores.catalog import Transaction
    from grid_datastores.service.catalog_check import Record
    from grid_datastores.settings import Settings
    from grid_datastores.storage import Storage

_ACTOR = "repair"
_LOST = "its data is missing from storage"


def repair_catalog(settings: Settings) -> Lacking | None:
    """Add to the catalog what the log has, in one transaction, and begin the log again.

    Returns what was added, which is nothing if only the log was wrong, or None if nothing was wrong. Raises a refusal
    if the catalog is missing or another one, or if a server or a command uses the data.
    """
    storage = open_storage(settings, alone=True)
    try:
        fault = find_fault(settings.catalog, storage)
        if fault in (Fault.MISSING, Fault.OTHER):
            check_catalog(settings, storage)
        try:
            added = lacking(settings.catalog, storage)  # of any catalog: it may lack only what is in its middle
        except Damaged:
            if fault:
                raise
            added = Lacking()
        else:
            if fault is None and not added:
                return None
        with closing(Catalog(settings.catalog)) as catalog, catalog.write() as tx:
            _add(tx, added, storage)
            storage.log.replace(tx.log.restart())  # before the commit: a killed repair is repeated
        return added
    finally:
        storage.release()


def _add(tx: Transaction, added: Lacking, storage: Storage) -> None:
    now = utc_now()
    for user_id, record in added.users.items():
        names = {user.name for user in tx.users.all()}
        tx.restoring.user(User(user_id, unique_name(str(record["name"]), "restored", names)), now)
    for version_id, record in added.versions.items():
        _add_version(tx, version_id, record, now)
    for version_id, record in added.moves.items():
        tx.restoring.move(version_id, str(record["owner_id"]), VersionRef(str(record["name"]), _number(record)))
    for version_id, record in added.finished.items():
        size, files = int(str(record["size"])), int(str(record["files"]))
        at = _time(record)
        tx.versions.finish(version_id, size=size, files=files, fingerprint=str(record["fingerprint"]), at=at)
        tx.versions.record(version_id, EventKind.UPLOADED, _ACTOR, "as the log of the data says", at)
    for version_id, record in added.deletions.items():
        if tx.versions.get(version_id):
            tx.versions.mark_deleted(version_id, str(record["by"]), _time(record))
            tx.versions.record(version_id, EventKind.DELETED, str(record["by"]), "", _time(record))
    for user_id, record in added.removals.items():
        _remove_user(tx, user_id, _time(record))
    for version_id in added.versions.keys() - added.finished.keys() - added.deletions.keys():
        if not storage.begun(version_id):
            tx.versions.fail(version_id, _LOST, now)
            tx.versions.record(version_id, EventKind.FAILED, _ACTOR, _LOST, now)


def _remove_user(tx: Transaction, user_id: str, at: datetime) -> None:
    if user := tx.users.get(user_id):
        tx.owners.end_workloads(user, at)
        tx.sign_ins.end_all(user)
        tx.users.remove(user, at)


def _add_version(tx: Transaction, version_id: str, record: Record, now: datetime) -> None:
    ref = VersionRef(str(record["name"]), _number(record))
    source = Source(SourceKind(str(record["source_kind"])), str(record["source_location"]))
    created_at = datetime.fromisoformat(str(record["created_at"]))
    tx.restoring.version(version_id, str(record["owner_id"]), ref, source, created_at, now)
    tx.versions.record(version_id, EventKind.CREATED, _ACTOR, source.location, created_at)


def _number(record: Record) -> int:
    return int(str(record["number"]))


def _time(record: Record) -> datetime:
    return datetime.fromisoformat(str(record["at"]))
