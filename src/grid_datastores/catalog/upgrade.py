"""The catalog's own version: makes the tables of a new one, and brings an older one up to date, step by step.

SQLite keeps the number in the file, as `user_version`; a new step is added below, and none is ever changed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import inspect

from grid_datastores.catalog.schema import metadata
from grid_datastores.domain.errors import CatalogFailed
from grid_datastores.domain.model import Phase, SourceKind
from grid_datastores.domain.naming import shown_location

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Engine


def bring_up_to_date(engine: Engine) -> None:
    """All steps that are missing, or none; raises `CatalogFailed` for a catalog of a newer release."""
    with engine.connect().execution_options(read=True) as connection:  # waits for nobody, when there is nothing to do
        if _version(connection) == len(_STEPS):
            return
    with engine.begin() as connection:
        if inspect(connection).has_table("versions"):
            for step in _STEPS[_version(connection) :]:
                step(connection)
        metadata.create_all(connection)
        _check_complete(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {len(_STEPS)}")


def check_up_to_date(engine: Engine) -> None:
    """Raises `CatalogFailed` for a catalog of another release, which cannot be brought up to date where it is."""
    with engine.connect() as connection:
        if _version(connection) != len(_STEPS):
            raise CatalogFailed(
                f"The catalog {engine.url.database} is of an older release and cannot be written, so it was left as it"
                " is. Bring it up to date as a user who can write there, with: grid datastore"
            )


def _version(connection: Connection) -> int:
    found = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    if found > len(_STEPS):
        raise CatalogFailed(
            f"The catalog {connection.engine.url.database} is of a newer release (version {found}, this one knows"
            f" {len(_STEPS)}); it was left as it is. Use that release, or a newer one."
        )
    return found


def _check_complete(connection: Connection) -> None:
    """A catalog of a release that was never published lacks what no step adds."""
    inspector = inspect(connection)
    for table in metadata.sorted_tables:
        there = {column["name"] for column in inspector.get_columns(table.name)}
        if missing := [column.name for column in table.columns if column.name not in there]:
            raise CatalogFailed(
                f"The catalog {connection.engine.url.database} is of a release that cannot be brought up to date:"
                f" it has no {table.name}.{missing[0]}."
            )


def _keep_no_secrets(connection: Connection) -> None:
    """1: what is fetched has an address of its own, which is forgotten; what is shown holds no secret."""
    connection.exec_driver_sql("ALTER TABLE versions ADD COLUMN fetch_url TEXT")
    rows = connection.exec_driver_sql(
        "SELECT id, source_kind, source_location, phase FROM versions WHERE source_location LIKE '%://%'"
    ).all()
    unfinished = [phase.value for phase in Phase if phase.unfinished]
    for row in rows:
        wanted = row.source_kind == SourceKind.ARCHIVE.value and row.phase in unfinished
        connection.exec_driver_sql(
            "UPDATE versions SET source_location = ?, fetch_url = ? WHERE id = ?",
            (shown_location(row.source_location), row.source_location if wanted else None, row.id),
        )


def _find_live_workloads(connection: Connection) -> None:
    """2: who holds what is found at once, however many Runs have ended."""
    connection.exec_driver_sql("DROP INDEX IF EXISTS workloads_of_owner")
    connection.exec_driver_sql("CREATE INDEX workloads_of_owner ON workloads (owner_id, kind, state)")
    connection.exec_driver_sql("CREATE INDEX IF NOT EXISTS workloads_in_state ON workloads (state)")


def _give_every_row_its_length(connection: Connection) -> None:
    """3: a Run knows the length of its lease, an upload its expiry.

    The old rows do not say. A lease is 60 seconds, or what is left of it where that is more, but at most a day. An
    expiry is a day; it begins now, as the older release may have allowed more.
    """
    connection.exec_driver_sql("ALTER TABLE versions ADD COLUMN expiry_seconds INTEGER NOT NULL DEFAULT 86400")
    connection.exec_driver_sql("ALTER TABLE workloads ADD COLUMN lease_seconds INTEGER")
    left = "CAST(ROUND((julianday(lease_until) - julianday('now')) * 86400) AS INTEGER)"
    connection.exec_driver_sql(
        f"UPDATE workloads SET lease_seconds = MIN(86400, MAX(60, {left}))"  # noqa: S608
        " WHERE lease_until IS NOT NULL"
    )
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"  # as the catalog stores times
    for phase in (phase for phase in Phase if phase.unfinished):
        connection.exec_driver_sql("UPDATE versions SET active_at = ? WHERE phase = ?", (now, phase.value))


_STEPS: Sequence[Callable[[Connection], None]] = (
    _keep_no_secrets,
    _find_live_workloads,
    _give_every_row_its_length,
)
