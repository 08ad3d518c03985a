"""Rows of the tables as values of the domain.

The statements that every request or deletion waits for are plain SQL, because SQLAlchemy takes several times longer for
one than SQLite. Their times are the stored texts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from grid_datastores.domain.model import Phase, Source, SourceKind, Version, VersionRef

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row


def one_version(connection: Connection, condition: str, *values: object) -> Version | None:
    """Return the version that this condition, in plain SQL, is true of, or None."""
    query = f"SELECT versions.* FROM versions {condition}"  # noqa: S608 - not from a user
    row = connection.exec_driver_sql(query, values).one_or_none()
    return to_version(row) if row else None


def named_version(connection: Connection, owner_id: str, ref: VersionRef) -> Version | None:
    """Return the owner's version of this name and number, or None."""
    named = "JOIN datastores ON datastores.id = versions.datastore_id AND datastores.owner_id = ?"
    mine = f"{named} AND datastores.name = ? WHERE versions.number = ?"
    return one_version(connection, mine, owner_id, ref.name, ref.number)


def stored_time(at: datetime) -> str:
    """Return the text that `schema.UtcDateTime` stores for a time."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _time(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value


def to_version(row: Row[tuple[object, ...]]) -> Version:
    """Return the row of the table as a version."""
    created_at = _time(row.created_at)
    assert created_at
    return Version(
        id=row.id,
        owner_id=row.owner_id,
        ref=VersionRef(row.name, row.number),
        source=Source(SourceKind(row.source_kind), row.source_location),
        phase=Phase(row.phase),
        message=row.message,
        created_at=created_at,
        finished_at=_time(row.finished_at),
        size_bytes=row.size_bytes,
        file_count=row.file_count,
        fingerprint=row.fingerprint,
        manifest_sha256=row.manifest_sha256,
        last_used_at=_time(row.last_used_at),
        last_used_by=row.last_used_by,
        deleted_at=_time(row.deleted_at),
        deleted_by=row.deleted_by,
        bytes_gone_at=_time(row.bytes_gone_at),
    )
