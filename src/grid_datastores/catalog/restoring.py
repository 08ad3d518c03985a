"""Restores users and versions that the catalog lacks, from the records of storage's log."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import insert, select, update

from grid_datastores.catalog import schema
from grid_datastores.domain.errors import CatalogFailed
from grid_datastores.domain.model import Phase, VersionRef

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from grid_datastores.domain.model import Source, User


class Restoring:
    """The operations of restoring in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def user(self, user: User, at: datetime) -> None:
        """Add a user without a key: nobody can sign in as this user before they get a new key."""
        row = {"id": user.id, "name": user.name, "key_hash": "", "created_at": at}
        self._connection.execute(insert(schema.users).values(row))

    def version(
        self, version_id: str, owner_id: str, ref: VersionRef, source: Source, created_at: datetime, now: datetime
    ) -> None:
        """Add a version that is still uploading, under its own number. Raises `CatalogFailed` if another one has it."""
        datastore_id = self._free_datastore(owner_id, ref)
        self._connection.execute(
            insert(schema.versions).values(
                id=version_id,
                owner_id=owner_id,
                datastore_id=datastore_id,
                name=ref.name,
                number=ref.number,
                source_kind=source.kind.value,
                source_location=source.location,
                phase=Phase.UPLOADING.value,
                created_at=created_at,
                active_at=now,
            )
        )

    def move(self, version_id: str, owner_id: str, ref: VersionRef) -> None:
        """Give the version this owner and name. Raises `CatalogFailed` if another one has the number there."""
        place = {"owner_id": owner_id, "name": ref.name, "datastore_id": self._free_datastore(owner_id, ref)}
        table = schema.versions
        self._connection.execute(update(table).where(table.c.id == version_id).values(place))

    def _free_datastore(self, owner_id: str, ref: VersionRef) -> str:
        datastore_id = self._datastore(owner_id, ref)
        table = schema.versions
        same = select(table.c.id).where(table.c.datastore_id == datastore_id, table.c.number == ref.number)
        if self._connection.execute(same).first():
            raise CatalogFailed(
                f"The catalog and the data each have another {ref}. Nothing was changed."
                " Restore the catalog that belongs to the data from a backup."
            )
        return datastore_id

    def _datastore(self, owner_id: str, ref: VersionRef) -> str:
        """Return the id of the datastore, and use its number up (rule version-number-unused)."""
        table = schema.datastores
        query = select(table).where(table.c.owner_id == owner_id, table.c.name == ref.name)
        row = self._connection.execute(query).one_or_none()
        if row:
            number = max(row.last_number, ref.number)
            self._connection.execute(update(table).where(table.c.id == row.id).values(last_number=number))
            return str(row.id)
        datastore_id = uuid4().hex
        values = {"id": datastore_id, "owner_id": owner_id, "name": ref.name, "last_number": ref.number}
        self._connection.execute(insert(table).values(values))
        return datastore_id
