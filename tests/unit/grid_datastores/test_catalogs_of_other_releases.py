"""A catalog that another release made: an older one is brought up to date, a newer one is refused and left alone."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from listed import listed

from grid_datastores.catalog import Catalog
from grid_datastores.domain.errors import CatalogFailed, NotSignedIn
from grid_datastores.domain.model import Phase, Source, SourceKind, WorkloadKind
from grid_datastores.domain.secrets import secret_digest
from grid_datastores.service import Service, open_service
from grid_datastores.settings import Limits, Settings

SECRET = "https://example.com/a.zip?key=SECRET"
# As the catalog was before it had a version.
_VERSION_0 = """
DROP TRIGGER totals_after_insert;
DROP TRIGGER totals_after_update;
DROP TRIGGER totals_after_delete;
DROP INDEX listed_workloads;
DROP INDEX live_workloads;
DROP INDEX workloads_by_name;
DROP INDEX current_datastores;
DROP INDEX versions_of_name;
DROP INDEX versions_by_number;
DROP INDEX undeleted_versions;
DROP INDEX versions_in_order;
DROP INDEX versions_by_size;
DROP INDEX versions_by_files;
DROP INDEX versions_by_use;
ALTER TABLE users DROP COLUMN removed_at;
ALTER TABLE tokens DROP COLUMN id;
ALTER TABLE tokens DROP COLUMN kind;
ALTER TABLE tokens DROP COLUMN address;
ALTER TABLE tokens DROP COLUMN user_agent;
ALTER TABLE tokens DROP COLUMN created_at;
ALTER TABLE tokens DROP COLUMN last_used_at;
ALTER TABLE users DROP COLUMN version_count;
ALTER TABLE users DROP COLUMN failed_count;
ALTER TABLE datastores DROP COLUMN version_count;
ALTER TABLE datastores DROP COLUMN failed_count;
ALTER TABLE datastores DROP COLUMN size_bytes;
ALTER TABLE versions DROP COLUMN fetch_url;
ALTER TABLE versions DROP COLUMN expiry_seconds;
ALTER TABLE versions DROP COLUMN manifest_sha256;
ALTER TABLE workloads DROP COLUMN lease_seconds;
ALTER TABLE removals DROP COLUMN readers_since;
UPDATE versions SET source_location = '{url}' WHERE source_kind = 'archive';
PRAGMA user_version = 0;
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "catalog.sqlite"


def _service(place: Path) -> Service:
    return open_service(Settings(place.parent.parent, place, Limits()), lambda: None)


def _done(place: Path, script: str) -> None:
    with closing(sqlite3.connect(place)) as connection:
        connection.executescript(script)


def _version(place: Path) -> int:
    with closing(sqlite3.connect(place)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


@pytest.fixture
def old(place: Path) -> Path:
    """A catalog of version 0, with an archive on its way and a deleted one, and files."""
    service = _service(place)
    ana = service.accounts.local("ana")
    for kind in (SourceKind.ARCHIVE, SourceKind.ARCHIVE, SourceKind.FILES):
        made = service.uploads.begin(ana, "data", Source(kind, SECRET if kind is SourceKind.ARCHIVE else "a?b"))
    service.deletion.delete(ana, listed(service, ana)[1].id)
    assert made.ref.number == 3
    service.context.catalog.close()
    _done(place, _VERSION_0.format(url=SECRET))
    return place


@pytest.mark.proves("catalog-is-converted")
def test_an_older_catalog_is_brought_up_to_date(old: Path) -> None:
    service = _service(old)
    ana = service.accounts.local("ana")
    with service.context.catalog.read() as tx:
        first, files = tx.versions.of_owner(ana.id)
        (deleted,) = tx.versions.in_phase(Phase.DELETED)
        assert [tx.versions.fetch_url(version.id) for version in (first, files, deleted)] == [SECRET, None, None]
    assert [first.source.location, files.source.location, deleted.source.location] == [
        "https://example.com/a.zip",
        "a?b",
        "https://example.com/a.zip",
    ]
    service.context.catalog.close()
    assert _version(old) == _version_of_a_new_one(old.parent)


def test_a_sign_in_of_an_older_release_is_listed_and_can_be_ended(old: Path) -> None:
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    _done(
        old,
        "INSERT INTO tokens (token_hash, user_id, expires_at)"
        f" SELECT '{secret_digest('token')}', id, '{expires:%Y-%m-%d %H:%M:%S}.000000' FROM users",
    )
    service = _service(old)
    ana = service.accounts.of_token("token")
    (sign_in,) = service.accounts.sign_ins(ana)
    assert (sign_in.since, sign_in.expires_at) == (expires - timedelta(hours=12), expires)
    assert str(sign_in.client) == "unknown browser"
    service.accounts.end_sign_in(ana, sign_in.id)
    with pytest.raises(NotSignedIn):
        service.accounts.of_token("token")
    service.close()


def test_a_fetch_of_an_older_release_is_in_a_phase_of_its_own(old: Path) -> None:
    _done(old, "UPDATE versions SET phase = 'optimizing' WHERE phase = 'uploading'")
    service = _service(old)
    phases = {version.source.kind: version.phase for version in listed(service, service.accounts.local("ana"))}
    assert phases == {SourceKind.ARCHIVE: Phase.FETCHING, SourceKind.FILES: Phase.OPTIMIZING}
    service.context.catalog.close()


def _old_rows(place: Path) -> Service:
    """A catalog of version 0 whose upload was idle for two days, and whose leases are of a clock far ahead."""
    _done(place, "UPDATE versions SET active_at = datetime('now', '-2 days') || '.000000'")
    for state, until in (("ahead", "+400 days"), ("short", "+10 seconds"), ("longer", "+600 seconds")):
        _done(
            place,
            "INSERT INTO workloads (id, kind, owner_id, name, state, state_since, created_at, lease_until)"
            f" SELECT '{state}', 'Run', id, '{state}', 'running', created_at, created_at,"
            f" datetime('now', '{until}') || '.000000' FROM users",
        )
    return _service(place)


def test_an_upload_of_an_older_release_has_its_whole_expiry_before_it(old: Path) -> None:
    service = _old_rows(old)
    service.tidy()
    ana = service.accounts.local("ana")
    assert {version.phase for version in listed(service, ana)} == {Phase.UPLOADING}
    with service.context.catalog.read() as tx:
        (deleted,) = tx.versions.in_phase(Phase.DELETED)
        assert service.context.clock() - tx.versions.active_at(deleted.id) > timedelta(days=1.9)
    service.context.catalog.close()


def test_a_lease_of_an_older_release_is_a_minute_to_a_day_long(old: Path) -> None:
    service = _old_rows(old)
    service.tidy(lambda _run: True)
    now = service.context.clock()
    with service.context.catalog.read() as tx:
        runs = [tx.workloads.get(name) for name in ("ahead", "short", "longer")]
    lengths = [run.lease_seconds for run in runs if run and run.lease_seconds]
    assert lengths[:2] == [86400, 60]
    assert 590 <= lengths[2] <= 600
    assert all(run and run.lease_until and run.lease_until <= now + timedelta(days=1) for run in runs)
    service.context.catalog.close()


def _version_of_a_new_one(folder: Path) -> int:
    Catalog(folder / "new.sqlite").close()
    return _version(folder / "new.sqlite")


def test_an_older_catalog_gets_the_indexes_and_triggers_of_a_new_one(old: Path) -> None:
    Catalog(old).close()
    Catalog(old.parent / "new.sqlite").close()
    assert _indexes_and_triggers(old) == _indexes_and_triggers(old.parent / "new.sqlite")


def _indexes_and_triggers(place: Path) -> dict[str, object]:
    with closing(sqlite3.connect(place)) as connection:
        found: dict[str, object] = dict(
            connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        )
        for name, sql in connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'").fetchall():
            columns = [row[2] for row in connection.execute(f"PRAGMA index_info({name})")]
            found[name] = (columns, (sql or "").partition(" WHERE ")[2])
    return found


def test_the_totals_of_an_older_catalog_are_counted(old: Path) -> None:
    _done(
        old,
        "INSERT INTO versions (id, owner_id, datastore_id, name, number, source_kind, source_location, phase, message,"
        " created_at, active_at, size_bytes, file_count, fingerprint, last_used_by, deleted_by)"
        " SELECT 'v' || number || phase, owner_id, datastore_id, name, number + 10, source_kind, '', CASE number"
        " WHEN 1 THEN 'failed' ELSE 'available' END, '', created_at, created_at, number * 100, 1, '', '', ''"
        " FROM versions",
    )
    Catalog(old).close()
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT version_count, failed_count, size_bytes FROM datastores").fetchall() == [
            (4, 1, 500)
        ]
        assert connection.execute("SELECT version_count, failed_count FROM users").fetchall() == [(4, 1)]


def test_many_may_open_an_older_catalog_at_once(old: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        for opened in [pool.submit(Catalog, old) for _ in range(8)]:
            opened.result().close()


@pytest.mark.proves("older-release-refuses")
def test_a_newer_catalog_is_refused_and_left_as_it_is(place: Path) -> None:
    Catalog(place).close()
    _done(place, "PRAGMA user_version = 99")
    before = place.read_bytes()
    with pytest.raises(CatalogFailed, match="is from a newer release"):
        Catalog(place)
    assert place.read_bytes() == before


def test_a_catalog_of_no_release_is_refused_and_left_as_it_is(old: Path) -> None:
    _done(old, "ALTER TABLE versions DROP COLUMN last_used_by")
    with pytest.raises(CatalogFailed, match=r"no column versions\.last_used_by"):
        Catalog(old)
    assert _version(old) == 0


def test_an_open_catalog_does_not_hold_up_who_opens_it_too(place: Path) -> None:
    Catalog(place).close()
    with closing(sqlite3.connect(place, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        Catalog(place).close()


def test_a_lease_that_runs_in_an_older_catalog_keeps_what_is_left_of_it(place: Path) -> None:
    """The server that gave it is set to ten minutes; who opens the catalog is set to one."""
    server = open_service(Settings(place.parent.parent, place, Limits(lease=600)), lambda: None)
    ana = server.accounts.local("ana")
    run = server.workloads.start(ana, WorkloadKind.RUN, "nightly", {}, leased=True)
    without = server.workloads.start(ana, WorkloadKind.RUN, "without", {})
    server.context.catalog.close()
    _done(place, _VERSION_0.format(url=SECRET))
    service = _service(place)
    service.tidy()
    kept = service.workloads.get(ana, WorkloadKind.RUN, run.id)
    assert kept.lease_until
    assert run.lease_until
    assert abs(kept.lease_until - run.lease_until) < timedelta(seconds=60)
    assert service.workloads.get(ana, WorkloadKind.RUN, without.id).lease_until is None
    service.context.catalog.close()
