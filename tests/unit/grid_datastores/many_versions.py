"""A user with many versions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from manual_clock import Clock
from sqlalchemy import insert

from grid_datastores.catalog import schema
from grid_datastores.domain.model import Phase, Source, SourceKind, User
from grid_datastores.service import Service, open_service
from grid_datastores.settings import Limits, Settings
from grid_datastores.storage import Manifest

MANY = 400


@contextmanager
def roomy(folder: Path, clock: Clock) -> Iterator[Service]:
    """Open a service whose quota is many times `MANY`."""
    limits = Limits(quota=10 * MANY, upload_expiry=clock.expiry)
    settings = Settings(folder, folder / "data" / "catalog.sqlite", limits)
    service = open_service(settings, lambda: None, clock, lambda: clock.steady, "boot")
    yield service
    service.context.catalog.close()


def filled(service: Service, owner: User, name: str, count: int, phase: Phase = Phase.AVAILABLE) -> None:
    """Write versions 1 to `count` of this name into the catalog. The size of each differs, and so does its last use."""
    created = service.now()
    deleted = created + timedelta(days=1) if phase is Phase.DELETED else None
    rows = [
        {
            "id": f"{name}-{number}",
            "owner_id": owner.id,
            "datastore_id": name,
            "name": name,
            "number": number,
            "source_kind": "files",
            "source_location": f"/data/{name}/run-{number}",
            "phase": phase.value,
            "created_at": created - timedelta(seconds=count - number),
            "active_at": created,
            "size_bytes": number * 37 % 101 * 1000,
            "file_count": number * 53 % 103,
            "last_used_at": created + timedelta(seconds=number * 61 % 107) if number % 3 else None,
            "deleted_at": deleted and deleted + timedelta(seconds=number * 7 % 11),
            "deleted_by": owner.name if deleted else "",
        }
        for number in range(1, count + 1)
    ]
    with service.context.catalog._engine.begin() as connection:
        datastore = {"id": name, "owner_id": owner.id, "name": name, "last_number": count}
        connection.execute(insert(schema.datastores), [datastore])
        connection.execute(insert(schema.versions), rows)


def upload(service: Service, owner: User, name: str = "data", *, failed: bool = False) -> str:
    """Return the id of a new version, which is available or has failed."""
    begun = service.uploads.begin(owner, name, Source(SourceKind.FILES, f"/home/{owner.name}/{name}"))
    if failed:
        with service.context.catalog.write() as tx:
            tx.versions.fail(begun.id, "The archive is damaged.", service.now())
    else:
        service.uploads.publish(owner, begun.id, Manifest.of([]))
    return begun.id
