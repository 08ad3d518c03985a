"""Rows of the tables as values of the domain.

The statements that every request or deletion waits for are plain SQL, because SQLAlchemy takes several times longer for
one than SQLite. Their times are the stored texts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from grid_datastores.catalog import schema
from grid_datastores.domain.model import Phase, Source, SourceKind, Version, VersionRef

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

# The columns in the order of `Version`. A row finds a value by its position much faster than by its name.
_COLUMNS = (
    *("id", "owner_id", "name", "number", "source_kind", "source_location", "phase", "created_at", "message"),
    *("finished_at", "size_bytes", "file_count", "fingerprint", "manifest_sha256", "last_used_at", "last_used_by"),
    *("deleted_at", "deleted_by", "bytes_gone_at"),
)
_values: itemgetter[Any] = itemgetter(*map(schema.versions.c.keys().index, _COLUMNS))
# Named, because a catalog of an earlier release has them in another order.
_SELECTED = ", ".join(f"versions.{name}" for name in schema.versions.c.keys())  # noqa: SIM118 - a collection of columns


def one_version(connection: Connection, condition: str, *values: object) -> Version | None:
    """Return the version that this condition, in plain SQL, is true of, or None."""
    query = f"SELECT {_SELECTED} FROM versions {condition}"  # noqa: S608 - not from a user
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


def to_version(row: Row[tuple[object, ...]]) -> Version:
    """Return the row as a version. It has the columns of the table, in the order of `schema`."""
    id_, owner_id, name, number, source_kind, source_location, phase, *others = _values(row)
    created, message, finished_at, size, files, fingerprint, manifest_sha256, used_at, *ends = others
    used_by, deleted_at, deleted_by, bytes_gone_at = ends
    created_at = _time(created)
    assert created_at
    return Version(
        id_,
        owner_id,
        VersionRef(name, number),
        Source(SourceKind(source_kind), source_location),
        Phase(phase),
        created_at,
        message,
        _time(finished_at),
        size,
        files,
        fingerprint,
        manifest_sha256,
        _time(used_at),
        used_by,
        _time(deleted_at),
        deleted_by,
        _time(bytes_gone_at),
    )


def _time(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value
