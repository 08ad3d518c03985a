"""Migrations of the catalog. A new catalog gets its tables; an older one is migrated step by step.

SQLite stores the number of applied migrations in the file, as `user_version`. Append new migrations below; never change
a released one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import inspect

from grid_datastores.catalog.schema import metadata
from grid_datastores.catalog.totals import create_triggers
from grid_datastores.domain.errors import CatalogFailed
from grid_datastores.domain.model import Phase, SourceKind
from grid_datastores.domain.naming import shown_location

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Engine


def migrate(engine: Engine) -> None:
    """Apply all missing migrations, or none. Raises `CatalogFailed` for a catalog of a newer release."""
    with engine.connect().execution_options(read=True) as connection:  # a reader does not wait for writers
        if _version(connection) == len(_MIGRATIONS):
            return
    with engine.begin() as connection:
        if inspect(connection).has_table("versions"):
            for step in _MIGRATIONS[_version(connection) :]:
                step(connection)
        metadata.create_all(connection)
        create_triggers(connection)
        _check_columns(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {len(_MIGRATIONS)}")


def check_migrated(engine: Engine) -> None:
    """Raise `CatalogFailed` if a read-only catalog is of another release, as it cannot be migrated."""
    with engine.connect() as connection:
        if _version(connection) != len(_MIGRATIONS):
            raise CatalogFailed(
                f"The catalog {engine.url.database} is from an older release and is read-only. Nothing was changed."
                " To migrate it, run this as a user who can write to it: grid datastore"
            )


def _version(connection: Connection) -> int:
    found = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    if found > len(_MIGRATIONS):
        raise CatalogFailed(
            f"The catalog {connection.engine.url.database} is from a newer release (it has version {found}, this"
            f" release supports {len(_MIGRATIONS)}). Nothing was changed. Use that release or a newer one."
        )
    return found


def _check_columns(connection: Connection) -> None:
    """Raise `CatalogFailed` for a catalog of an unpublished release, which lacks columns that no migration adds."""
    inspector = inspect(connection)
    for table in metadata.sorted_tables:
        present = {column["name"] for column in inspector.get_columns(table.name)}
        if missing := [column.name for column in table.columns if column.name not in present]:
            raise CatalogFailed(
                f"The catalog {connection.engine.url.database} is from a release that cannot be migrated:"
                f" it has no column {table.name}.{missing[0]}."
            )


def _separate_fetch_urls(connection: Connection) -> None:
    """1: The URL to fetch from has its own column, which is cleared after the fetch.

    The shown location has no secrets.
    """
    connection.exec_driver_sql("ALTER TABLE versions ADD COLUMN fetch_url TEXT")
    rows = connection.exec_driver_sql(
        "SELECT id, source_kind, source_location, phase FROM versions WHERE source_location LIKE '%://%'"
    ).all()
    unfinished = [phase.value for phase in Phase if phase.unfinished]
    for row in rows:
        fetchable = row.source_kind == SourceKind.ARCHIVE.value and row.phase in unfinished
        connection.exec_driver_sql(
            "UPDATE versions SET source_location = ?, fetch_url = ? WHERE id = ?",
            (shown_location(row.source_location), row.source_location if fetchable else None, row.id),
        )


def _index_live_workloads(connection: Connection) -> None:
    """2: Holders are found quickly, however many Runs have ended."""
    connection.exec_driver_sql("DROP INDEX IF EXISTS workloads_of_owner")
    connection.exec_driver_sql("CREATE INDEX workloads_of_owner ON workloads (owner_id, kind, state)")
    connection.exec_driver_sql("CREATE INDEX IF NOT EXISTS workloads_in_state ON workloads (state)")


def _store_lease_and_expiry_lengths(connection: Connection) -> None:
    """3: A Run stores the length of its lease, and an upload its expiry.

    Old rows do not have the lengths. A lease gets 60 seconds, or its remaining time if that is longer, but at most a
    day. An expiry gets a day from now, because the older release may have allowed more.
    """
    connection.exec_driver_sql("ALTER TABLE versions ADD COLUMN expiry_seconds INTEGER NOT NULL DEFAULT 86400")
    connection.exec_driver_sql("ALTER TABLE workloads ADD COLUMN lease_seconds INTEGER")
    remaining = "CAST(ROUND((julianday(lease_until) - julianday('now')) * 86400) AS INTEGER)"
    connection.exec_driver_sql(
        f"UPDATE workloads SET lease_seconds = MIN(86400, MAX(60, {remaining}))"  # noqa: S608
        " WHERE lease_until IS NOT NULL"
    )
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"  # as the catalog stores times
    for phase in (phase for phase in Phase if phase.unfinished):
        connection.exec_driver_sql("UPDATE versions SET active_at = ? WHERE phase = ?", (now, phase.value))


def _name_fetches(connection: Connection) -> None:
    """4: Versions whose data is being fetched get their own phase."""
    connection.exec_driver_sql(
        "UPDATE versions SET phase = 'fetching' WHERE phase = 'optimizing' AND source_kind != 'files'"
    )


def _prepare_lists(connection: Connection) -> None:
    """5: A page of a list is found quickly, however many versions there are, and totals are stored."""
    for table in ("datastores", "users"):
        for column in ("version_count", "failed_count"):
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
    connection.exec_driver_sql("ALTER TABLE datastores ADD COLUMN size_bytes BIGINT NOT NULL DEFAULT 0")
    connection.exec_driver_sql(
        "UPDATE datastores SET (version_count, failed_count, size_bytes) = ("
        "SELECT coalesce(sum(phase NOT IN ('failed', 'deleted')), 0), coalesce(sum(phase = 'failed'), 0),"
        " coalesce(sum((phase NOT IN ('failed', 'deleted')) * size_bytes), 0)"
        " FROM versions WHERE datastore_id = datastores.id)"
    )
    connection.exec_driver_sql(
        "UPDATE users SET (version_count, failed_count) = ("
        "SELECT coalesce(sum(version_count), 0), coalesce(sum(failed_count), 0)"
        " FROM datastores WHERE owner_id = users.id)"
    )
    current = "phase NOT IN ('failed', 'deleted')"
    connection.exec_driver_sql("CREATE INDEX current_datastores ON datastores (owner_id, name) WHERE version_count > 0")
    connection.exec_driver_sql("DROP INDEX versions_of_owner")
    for index, columns in (
        ("versions_of_owner", "(owner_id, phase, deleted_at, created_at)"),
        ("versions_of_name", "(owner_id, name, phase, deleted_at, number)"),
        ("versions_by_number", f"(owner_id, name, number) WHERE {current}"),
        ("versions_by_size", f"(owner_id, name, size_bytes, number) WHERE {current}"),
        ("versions_by_files", f"(owner_id, name, file_count, number) WHERE {current}"),
        ("versions_by_use", f"(owner_id, name, last_used_at, number) WHERE {current}"),
    ):
        connection.exec_driver_sql(f"CREATE INDEX {index} ON versions {columns}")


def _describe_sign_ins_and_removed_users(connection: Connection) -> None:
    """6: A token has an id and says who uses it since when, and a user can be removed.

    Old tokens do not say what uses them. They began at most twelve hours before they expire.
    """
    connection.exec_driver_sql("ALTER TABLE users ADD COLUMN removed_at DATETIME")
    for column in (
        "id VARCHAR(64) NOT NULL DEFAULT ''",
        "kind VARCHAR(16) NOT NULL DEFAULT 'browser'",
        "address VARCHAR(64) NOT NULL DEFAULT ''",
        "user_agent TEXT NOT NULL DEFAULT ''",
        "created_at DATETIME",
        "last_used_at DATETIME",
    ):
        connection.exec_driver_sql(f"ALTER TABLE tokens ADD COLUMN {column}")
    since = "strftime('%Y-%m-%d %H:%M:%S.000000', expires_at, '-12 hours')"
    connection.exec_driver_sql(
        f"UPDATE tokens SET id = lower(hex(randomblob(8))), created_at = {since}, last_used_at = {since}"  # noqa: S608
    )


def _keep_a_log(connection: Connection) -> None:
    """7: Storage has a log, whose newest entries the catalog keeps. The service begins it."""
    connection.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS log_entries"
        " (sequence INTEGER PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, text TEXT NOT NULL)"
    )


def _store_manifest_digests(connection: Connection) -> None:
    """8: Versions store the SHA-256 of their manifest. Earlier ones have none and are checked by their fingerprint."""
    connection.exec_driver_sql("ALTER TABLE versions ADD COLUMN manifest_sha256 VARCHAR(64) NOT NULL DEFAULT ''")


def _prepare_lists_of_workloads(connection: Connection) -> None:
    """9: A page of Sessions or Runs is found quickly, however many there are, and so is one by its name."""
    live = "(state IN ('running', 'paused'))"
    for index, columns in (
        ("listed_workloads", "owner_id, kind, created_at, id"),
        ("live_workloads", f"owner_id, kind, {live}, created_at, id"),
        ("workloads_by_name", f"owner_id, kind, name, {live}, created_at"),
    ):
        connection.exec_driver_sql(f"CREATE INDEX {index} ON workloads ({columns}) WHERE state != 'deleted'")


def _prepare_pages_of_versions(connection: Connection) -> None:
    """10: A page of all versions, or of all that are not deleted, is found quickly."""
    connection.exec_driver_sql("CREATE INDEX versions_in_order ON versions (owner_id, name, number) WHERE phase != ''")
    connection.exec_driver_sql(
        "CREATE INDEX undeleted_versions ON versions (owner_id, name, number) WHERE phase != 'deleted'"
    )


def _time_readers_of_deleted_versions(connection: Connection) -> None:
    """11: A queued removal stores since when it waits for readers, by the clock of leases."""
    connection.exec_driver_sql("ALTER TABLE removals ADD COLUMN readers_since DATETIME")


_MIGRATIONS: Sequence[Callable[[Connection], None]] = (
    _separate_fetch_urls,
    _index_live_workloads,
    _store_lease_and_expiry_lengths,
    _name_fetches,
    _prepare_lists,
    _describe_sign_ins_and_removed_users,
    _keep_a_log,
    _store_manifest_digests,
    _prepare_lists_of_workloads,
    _prepare_pages_of_versions,
    _time_readers_of_deleted_versions,
)
