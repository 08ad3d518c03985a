"""The tables. A deleted version keeps its row as a tombstone; only finished work is ever deleted from here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Dialect


class UtcDateTime(TypeDecorator[datetime]):
    """A time, stored in UTC, even if the database has no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Convert to UTC for the database."""
        return value.astimezone(UTC) if value else None

    def result_processor(self, _dialect: Dialect, _coltype: object) -> Callable[[str | None], datetime | None]:
        """Return the function that reads a stored time. Long lists call it very often."""
        return _utc


def _utc(stored: str | None) -> datetime | None:
    return datetime.fromisoformat(f"{stored}+00:00") if stored is not None else None


metadata = MetaData()

# The versions that count against the quota, and the datastores that have some. SQLite uses a partial index only for a
# query with the same literal condition.
CURRENT = text("phase NOT IN ('failed', 'deleted')")
UNDELETED = text("phase != 'deleted'")
WITH_DELETED = text("phase != ''")  # true for all; otherwise SQLite would use this index for all lists
WITH_VERSIONS = text("version_count > 0")

# The workloads that are listed. The live ones come first in lists that begin with the newest; see `WorkloadState.live`.
LISTED = text("state != 'deleted'")
LIVE = "(state IN ('running', 'paused'))"

# Facts about the whole catalog, by name; see `facts.py`.
settings = Table(
    "settings",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("key_hash", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("version_count", Integer, nullable=False, server_default="0"),  # see `totals.py`
    Column("failed_count", Integer, nullable=False, server_default="0"),
    Column("removed_at", UtcDateTime),  # the row of a removed user stays for their tombstones, under another name
)

# The sign-ins of users, each with a token.
tokens = Table(
    "tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("id", String(64), nullable=False, server_default=""),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("kind", String(16), nullable=False, server_default="browser"),
    Column("address", String(64), nullable=False, server_default=""),
    Column("user_agent", Text, nullable=False, server_default=""),
    Column("created_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Column("expires_at", UtcDateTime, nullable=False),
)

# `last_number` only grows: a number is never used twice (rule version-number-unused).
datastores = Table(
    "datastores",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner_id", ForeignKey("users.id"), nullable=False),
    Column("name", String(63), nullable=False),
    Column("last_number", Integer, nullable=False),
    Column("version_count", Integer, nullable=False, server_default="0"),  # see `totals.py`
    Column("failed_count", Integer, nullable=False, server_default="0"),
    Column("size_bytes", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("owner_id", "name"),
    Index("current_datastores", "owner_id", "name", sqlite_where=WITH_VERSIONS),
)

versions = Table(
    "versions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner_id", ForeignKey("users.id"), nullable=False),
    Column("datastore_id", ForeignKey("datastores.id"), nullable=False),
    Column("name", String(63), nullable=False),
    Column("number", Integer, nullable=False),
    Column("source_kind", String(16), nullable=False),
    Column("source_location", Text, nullable=False),
    Column("fetch_url", Text),  # can contain secrets; cleared after the fetch
    Column("phase", String(16), nullable=False),
    Column("message", Text, nullable=False, default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("active_at", UtcDateTime, nullable=False),
    Column("expiry_seconds", Integer, nullable=False, server_default="86400"),  # how long it may stay inactive
    Column("finished_at", UtcDateTime),
    Column("size_bytes", BigInteger, nullable=False, default=0),
    Column("file_count", BigInteger, nullable=False, default=0),
    Column("fingerprint", String(64), nullable=False, default=""),
    Column("manifest_sha256", String(64), nullable=False, server_default=""),  # "" in versions of older releases
    Column("last_used_at", UtcDateTime),
    Column("last_used_by", String(128), nullable=False, default=""),
    Column("deleted_at", UtcDateTime),
    Column("deleted_by", String(63), nullable=False, default=""),
    Column("bytes_gone_at", UtcDateTime),
    UniqueConstraint("datastore_id", "number"),
    Index("versions_of_owner", "owner_id", "phase", "deleted_at", "created_at"),
    Index("versions_of_name", "owner_id", "name", "phase", "deleted_at", "number"),
    Index("versions_by_number", "owner_id", "name", "number", sqlite_where=CURRENT),
    Index("versions_in_order", "owner_id", "name", "number", sqlite_where=WITH_DELETED),
    Index("undeleted_versions", "owner_id", "name", "number", sqlite_where=UNDELETED),
    Index("versions_by_size", "owner_id", "name", "size_bytes", "number", sqlite_where=CURRENT),
    Index("versions_by_files", "owner_id", "name", "file_count", "number", sqlite_where=CURRENT),
    Index("versions_by_use", "owner_id", "name", "last_used_at", "number", sqlite_where=CURRENT),
)

# One row per object that is being uploaded; `parts` is the announced number of parts.
uploads = Table(
    "uploads",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("version_id", ForeignKey("versions.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("completed", Integer, nullable=False, default=0),
    UniqueConstraint("version_id", "key"),
)

workloads = Table(
    "workloads",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("owner_id", ForeignKey("users.id"), nullable=False),
    Column("name", String(63), nullable=False),
    Column("state", String(16), nullable=False),
    Column("state_since", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("lease_seconds", Integer),  # NULL for a workload without a lease
    Index("workloads_of_owner", "owner_id", "kind", "state"),
    Index("listed_workloads", "owner_id", "kind", "created_at", "id", sqlite_where=LISTED),
    Index("live_workloads", "owner_id", "kind", text(LIVE), "created_at", "id", sqlite_where=LISTED),
    Index("workloads_by_name", "owner_id", "kind", "name", text(LIVE), "created_at", sqlite_where=LISTED),
    Index("workloads_in_state", "state"),  # few workloads are live, however many have ended
)

mounts = Table(
    "mounts",
    metadata,
    Column("workload_id", ForeignKey("workloads.id"), primary_key=True),
    Column("version_id", ForeignKey("versions.id"), primary_key=True),
    Column("path", Text, nullable=False),
    Index("mounts_of_version", "version_id"),
)

# The removal's queue: versions whose bytes are still to be erased.
removals = Table(
    "removals",
    metadata,
    Column("version_id", ForeignKey("versions.id"), primary_key=True),
    Column("queued_at", UtcDateTime, nullable=False),
    Column("readers_since", UtcDateTime),  # since when only readers delay the removal, by the clock of leases
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version_id", ForeignKey("versions.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(63), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Index("events_of_version", "version_id"),
)

# The newest entries of storage's log; see `log.py`.
log_entries = Table(
    "log_entries",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("checksum", String(64), nullable=False),
    Column("text", Text, nullable=False),
)
