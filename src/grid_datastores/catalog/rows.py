"""Rows of the tables as values of the domain."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from grid_datastores.catalog import schema
from grid_datastores.domain.model import Phase, Source, SourceKind, Version, VersionRef

if TYPE_CHECKING:
    from sqlalchemy import Row

# The columns in the order of `Version`. A row finds a value by its position much faster than by its name.
_COLUMNS = (
    *("id", "owner_id", "name", "number", "source_kind", "source_location", "phase", "created_at", "message"),
    *("finished_at", "size_bytes", "file_count", "fingerprint", "manifest_sha256", "last_used_at", "last_used_by"),
    *("deleted_at", "deleted_by", "bytes_gone_at"),
)
_values: itemgetter[Any] = itemgetter(*map(schema.versions.c.keys().index, _COLUMNS))


def to_version(row: Row[tuple[object, ...]]) -> Version:
    """Return the row as a version. It has the columns of the table, in their order."""
    id_, owner_id, name, number, source_kind, source_location, phase, *others = _values(row)
    source = Source(SourceKind(source_kind), source_location)
    return Version(id_, owner_id, VersionRef(name, number), source, Phase(phase), *others)
