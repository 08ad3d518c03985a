"""Who holds a version, as the catalog finds it among any number of workloads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import event

from grid_datastores.catalog import Catalog
from grid_datastores.domain import rules
from grid_datastores.domain.model import Mount, Source, SourceKind, User, Version, Workload, WorkloadKind, WorkloadState

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(tmp_path / "catalog.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def version(catalog: Catalog) -> Version:
    with catalog.write() as tx:
        tx.users.add(User("ana", "ana"), "key", NOW)
        return tx.versions.create("ana", "data", Source(SourceKind.FILES, ""), NOW, active_at=NOW, expiry_seconds=60)


def _workload(name: str, version: Version, state: WorkloadState, lease: datetime | None = None) -> Workload:
    mounts = (Mount(version.id, version.ref, "/data"),)
    return Workload(name, WorkloadKind.RUN, "ana", name, state, NOW, NOW, mounts, lease)


def test_the_catalog_finds_the_holders_that_the_rule_says(catalog: Catalog, version: Version) -> None:
    leases = (None, NOW - SECOND, NOW, NOW + SECOND / 1_000_000, NOW + SECOND)
    all_there_are = [
        _workload(f"{state}-{n}", version, state, lease)
        for state, (n, lease) in product(WorkloadState, enumerate(leases))
    ]
    with catalog.write() as tx:
        for workload in all_there_are:
            tx.workloads.add(workload)
        holders = {holder.id for holder in tx.workloads.holders(version.id, NOW)}
        named = {w.id for w in all_there_are if tx.workloads.holds_name("ana", WorkloadKind.RUN, w.name, NOW)}
    assert holders == named == {workload.id for workload in all_there_are if rules.holds(workload, NOW)}


def test_a_name_is_taken_by_ones_own_of_that_kind(catalog: Catalog, version: Version) -> None:
    with catalog.write() as tx:
        tx.workloads.add(_workload("nightly", version, WorkloadState.RUNNING))
        assert not tx.workloads.holds_name("ben", WorkloadKind.RUN, "nightly", NOW)
        assert not tx.workloads.holds_name("ana", WorkloadKind.SESSION, "nightly", NOW)
        assert not tx.workloads.holds_name("ana", WorkloadKind.RUN, "daily", NOW)


def test_what_has_ended_is_not_loaded_to_find_who_holds(catalog: Catalog, version: Version) -> None:
    """A query takes as many variables, and answers as many rows, however many have ended."""
    with catalog.write() as tx:
        for n in range(300):
            tx.workloads.add(_workload(f"ended{n}", version, WorkloadState.SUCCEEDED))
        tx.workloads.add(_workload("living", version, WorkloadState.RUNNING))
    sent: list[int] = []
    listener = event.listens_for(catalog._engine, "before_cursor_execute")
    listener(lambda _connection, _cursor, _statement, given, *_rest: sent.append(len(given)))
    with catalog.read() as tx:
        assert [holder.name for holder in tx.workloads.holders(version.id, NOW)] == ["living"]
        assert len(tx.workloads.of_owner("ana", WorkloadKind.RUN)) == 301
    assert max(sent) < 10
