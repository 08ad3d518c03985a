"""Rows of the tables as values of the domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grid_datastores.domain.model import Phase, Source, SourceKind, Version, VersionRef

if TYPE_CHECKING:
    from sqlalchemy import Row


def to_version(row: Row[tuple[object, ...]]) -> Version:
    """Return the row of the table as a version."""
    return Version(
        id=row.id,
        owner_id=row.owner_id,
        ref=VersionRef(row.name, row.number),
        source=Source(SourceKind(row.source_kind), row.source_location),
        phase=Phase(row.phase),
        message=row.message,
        created_at=row.created_at,
        finished_at=row.finished_at,
        size_bytes=row.size_bytes,
        file_count=row.file_count,
        fingerprint=row.fingerprint,
        manifest_sha256=row.manifest_sha256,
        last_used_at=row.last_used_at,
        last_used_by=row.last_used_by,
        deleted_at=row.deleted_at,
        deleted_by=row.deleted_by,
        bytes_gone_at=row.bytes_gone_at,
    )
