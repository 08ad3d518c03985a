"""The stored totals of datastores and users are those of their versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from manual_clock import Clock
from many_versions import filled, roomy, upload
from sqlalchemy import select, update

from grid_datastores.catalog import schema
from grid_datastores.domain.model import Phase, Source, SourceKind, User
from grid_datastores.service import Service


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Iterator[Service]:
    with roomy(tmp_path, clock) as service:
        yield service


def counted(service: Service) -> dict[str, tuple[int, int, int]]:
    """Return how many current and failed versions each datastore has, and the size of the current ones, by counting."""
    table = schema.versions.c
    with service.context.catalog._engine.begin() as connection:
        totals = dict.fromkeys(connection.execute(select(schema.datastores.c.name)).scalars(), (0, 0, 0))
        for row in connection.execute(select(table.name, table.phase, table.size_bytes)):
            current, failed = Phase(row.phase).counts_against_quota, row.phase == Phase.FAILED
            before = totals[row.name]
            size = row.size_bytes if current else 0
            totals[row.name] = (before[0] + current, before[1] + failed, before[2] + size)
    return totals


def stored(service: Service) -> dict[str, tuple[int, int, int]]:
    """Return the stored totals of the datastores. Those of each user are the sums of their datastores'."""
    table, users = schema.datastores, schema.users
    with service.context.catalog._engine.begin() as connection:
        rows = connection.execute(select(table)).all()
        for user in connection.execute(select(users)):
            mine = [row for row in rows if row.owner_id == user.id]
            sums = (sum(row.version_count for row in mine), sum(row.failed_count for row in mine))
            assert (user.version_count, user.failed_count) == sums
        return {row.name: (row.version_count, row.failed_count, row.size_bytes) for row in rows}


def test_the_stored_totals_follow_every_change(service: Service, ana: User, clock: Clock) -> None:
    ben, _key = service.accounts.add("ben")
    filled(service, ben, "birds", 3)
    steps: list[Callable[[], object]] = [
        lambda: filled(service, ana, "data", 5),
        lambda: upload(service, ana, failed=True),
        lambda: upload(service, ana, "other"),
        lambda: service.uploads.begin(ana, "other", Source(SourceKind.FILES, "")),
        lambda: service.deletion.delete(ana, "data-2"),
        lambda: clock.go(clock.expiry + 1),
        service.finishing.expire,
        lambda: _resized(service, "data-1"),
        lambda: _transferred(service, ben, ana),
    ]
    seen = []
    for step in steps:
        step()
        assert stored(service) == counted(service)
        seen.append(stored(service).get("data"))
    assert seen[0] != seen[1] != seen[4]
    assert service.reading.quota(ana).used == 4 + 1 + 3


def _resized(service: Service, version_id: str) -> None:
    with service.context.catalog._engine.begin() as connection:
        mine = update(schema.versions).where(schema.versions.c.id == version_id)
        assert connection.execute(mine.values(size_bytes=7)).rowcount == 1


def _transferred(service: Service, old: User, new: User) -> None:
    with service.context.catalog.write() as tx:
        assert tx.owners.transfer(old, new)
