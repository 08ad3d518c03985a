"""The statements that every request or deletion waits for: few, in plain SQL, and each finds its rows by an index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, select

from grid_datastores.catalog import schema
from grid_datastores.catalog.rows import stored_time, to_version
from grid_datastores.domain.lists import Chosen
from grid_datastores.domain.model import Source, SourceKind, User, VersionRef
from grid_datastores.service import Service
from grid_datastores.storage import Manifest

_MOST = 16  # statements of a deletion; those that change something are eight
_UNINDEXED = {"SELECT sequence, checksum, text FROM log_entries ORDER BY sequence DESC LIMIT 1"}  # by its primary key


@pytest.fixture
def version_id(service: Service, ana: User) -> str:
    begun = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    return service.uploads.publish(ana, begun.id, Manifest.of([])).id


def statements(service: Service, act: Callable[[], object]) -> list[str]:
    """The statements of an act, all of them in plain SQL and with an index."""
    seen: list[tuple[str, Any]] = []
    engine = service.context.catalog._engine

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, context: Any, _many: bool) -> None:
        assert context.compiled is None, f"SQLAlchemy has built it: {statement}"
        seen.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    with engine.connect() as connection:
        for statement, values in seen:
            if statement.startswith(("SELECT", "UPDATE", "DELETE")) and statement not in _UNINDEXED:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
                assert not [row.detail for row in plan if row.detail.startswith("SCAN")], statement
    return [statement for statement, _values in seen]


def test_a_deletion(service: Service, ana: User, version_id: str) -> None:
    assert len(statements(service, lambda: service.deletion.delete(ana, version_id))) <= _MOST


def test_finding_the_user_of_a_key(service: Service) -> None:
    _ben, key = service.accounts.add("ben")
    assert len(statements(service, lambda: service.accounts.sign_in("ben", key))) == 2  # with that which begins


def test_finding_a_version_by_its_name_and_number(service: Service, ana: User, version_id: str) -> None:
    assert len(statements(service, lambda: service.reading.find(ana, VersionRef("data", 1)))) == 2
    assert len(statements(service, lambda: service.listing.page(ana, Chosen("data", 1)))) == 2
    assert len(statements(service, lambda: service.reading.get(ana, version_id))) == 2


def test_both_ways_to_read_and_write_agree(service: Service, ana: User, version_id: str) -> None:
    service.deletion.delete(ana, version_id)
    with service.context.catalog.read() as tx:
        plain = tx.versions.get(version_id)
        built = tx.versions._connection.execute(select(schema.versions)).one()
    assert to_version(built) == plain
    at = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
    assert stored_time(at) == "2026-11-26 12:00:00.000000"  # with the fraction that `isoformat` leaves out
