"""The phases of a version: one table decides their changes, lists all that happen, and is drawn in the guide."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from hashlib import md5, sha256
from itertools import product
from pathlib import Path

import pytest
from manual_clock import Clock

from grid_datastores.domain.errors import Immutable
from grid_datastores.domain.model import FileEntry, Phase, Source, SourceKind, User
from grid_datastores.domain.rules import NEXT_PHASES
from grid_datastores.service import Service
from grid_datastores.service.uploads import CompletedObject
from grid_datastores.storage import Manifest
from guide.diagrams import life_of_a_version

FILES = Source(SourceKind.FILES, "/data")
ARCHIVE = Source(SourceKind.ARCHIVE, "http://127.0.0.1:9/data.zip")  # nobody answers there, so its fetch fails
_DIGEST = sha256(b"a").hexdigest()
CHANGES = {(start, end) for start, ends in NEXT_PHASES.items() for end in ends}


@pytest.mark.proves("life-of-a-version")
def test_the_changes_of_the_table_are_those_that_happen(
    service: Service, ana: User, clock: Clock, tmp_path: Path
) -> None:
    catalog = tmp_path / "data" / "catalog.sqlite"
    with closing(sqlite3.connect(catalog)) as connection:
        connection.executescript(
            "CREATE TABLE seen (start TEXT, next TEXT);"
            "CREATE TRIGGER seen AFTER UPDATE OF phase ON versions"
            " BEGIN INSERT INTO seen VALUES (OLD.phase, NEW.phase); END"
        )
    for begin in (_uploading, _fetching, _optimizing, _available, _failed):
        version_id = begin(service, ana, clock)
        service.deletion.delete(ana, version_id)
    _published(service, ana)
    _not_fetched(service, ana)
    _lost(service, ana, clock)
    _fetched(service, ana)
    with closing(sqlite3.connect(catalog)) as connection:
        seen = connection.execute("SELECT start, next FROM seen").fetchall()
    assert {(Phase(start), Phase(end)) for start, end in seen} == CHANGES


@pytest.mark.parametrize(("start", "end"), sorted(set(product(Phase, Phase)) - CHANGES))
@pytest.mark.proves("no-earlier-phase")
def test_no_other_change_is_possible(service: Service, ana: User, clock: Clock, start: Phase, end: Phase) -> None:
    begin = {
        Phase.UPLOADING: _uploading,
        Phase.FETCHING: _fetching,
        Phase.OPTIMIZING: _optimizing,
        Phase.AVAILABLE: _available,
        Phase.FAILED: _failed,
        Phase.DELETED: _deleted,
    }[start]
    version_id = begin(service, ana, clock)
    if end is Phase.UPLOADING:
        return  # only a new version has this phase: no operation of the catalog sets it
    version = service.reading.details(ana, version_id).version
    with pytest.raises(Immutable, match=f"is {start} and cannot"), service.context.catalog.write() as tx:
        {
            Phase.FETCHING: lambda: tx.versions.close(replace(version, source=ARCHIVE), clock()),
            Phase.OPTIMIZING: lambda: tx.versions.close(replace(version, source=FILES), clock()),
            Phase.AVAILABLE: lambda: tx.versions.finish(version_id, size=0, files=0, fingerprint="", at=clock()),
            Phase.FAILED: lambda: tx.versions.fail(version_id, "why", clock()),
            Phase.DELETED: lambda: tx.versions.mark_deleted(version_id, "ana", clock()),
        }[end]()
    assert service.reading.details(ana, version_id).version.phase is start


@pytest.mark.proves("no-earlier-phase")
def test_no_change_leads_back() -> None:
    """Phases are listed in the order of a life: data that is uploaded or fetched is optimized, then available."""
    order = (Phase.UPLOADING, Phase.FETCHING, Phase.OPTIMIZING, Phase.AVAILABLE, Phase.FAILED, Phase.DELETED)
    assert set(order) == set(Phase)
    assert [(start, end) for start, end in CHANGES if order.index(start) >= order.index(end)] == []


@pytest.mark.proves("life-of-a-version-drawn")
def test_the_picture_in_the_guide_shows_each_change() -> None:
    drawn = life_of_a_version()
    for start, end in CHANGES:
        assert f"from {start} to {end}: " in drawn


@pytest.mark.proves("phases-that-count")
def test_the_phases_that_count_towards_the_limit(service: Service, ana: User, clock: Clock) -> None:
    """All until the version is available, failed or deleted; an available version counts, too."""
    counted = {Phase.UPLOADING: 1, Phase.FETCHING: 1, Phase.OPTIMIZING: 1, Phase.AVAILABLE: 1}
    for begin in (_uploading, _fetching, _optimizing, _available, _failed, _deleted):
        version_id = begin(service, ana, clock)
        phase = service.reading.details(ana, version_id).version.phase
        assert service.reading.quota(ana).used == counted.pop(phase, 0), phase
        if phase is not Phase.DELETED:
            service.deletion.delete(ana, version_id)
    assert counted == {}


@pytest.mark.proves("optimizing-checks-what-has-arrived")
def test_an_optimizing_version_takes_no_more_data_and_is_checked(service: Service, ana: User, clock: Clock) -> None:
    honest, lying = (_optimizing(service, ana, clock, digest) for digest in (_DIGEST, "0" * 64))
    for version_id, phase in ((honest, Phase.AVAILABLE), (lying, Phase.FAILED)):
        assert service.reading.details(ana, version_id).version.phase is Phase.OPTIMIZING
        with pytest.raises(Immutable):
            service.uploads.announce(ana, version_id, {"b.csv": 1})
        service.finishing.finish_waiting(only=version_id)
        assert service.reading.details(ana, version_id).version.phase is phase


def _uploading(service: Service, ana: User, clock: Clock) -> str:
    return service.uploads.begin(ana, "data", FILES).id


def _fetching(service: Service, ana: User, clock: Clock) -> str:
    return service.uploads.fetch(ana, "data", ARCHIVE).id


def _available(service: Service, ana: User, clock: Clock) -> str:
    version_id = _optimizing(service, ana, clock)
    service.finishing.finish_waiting(only=version_id)
    return version_id


def _optimizing(service: Service, ana: User, clock: Clock, digest: str = "") -> str:
    version_id = _uploading(service, ana, clock)
    (upload,) = service.uploads.announce(ana, version_id, {"a.csv": 1})
    with service.uploads.part(upload.id, 1) as part:
        part.write(b"a")
    etag = md5(b"a", usedforsecurity=False).hexdigest()
    service.uploads.complete_objects(ana, version_id, [CompletedObject("a.csv", upload.id, {1: etag})])
    if digest:
        manifest = Manifest.of([FileEntry("a.csv", 1, digest, "a.csv", 0)])
        service.uploads.announce_manifest(ana, version_id, manifest.encode())
    service.uploads.complete(ana, version_id)
    return version_id


def _failed(service: Service, ana: User, clock: Clock) -> str:
    version_id = _uploading(service, ana, clock)
    clock.go(2 * clock.expiry)
    service.finishing.expire()
    return version_id


def _deleted(service: Service, ana: User, clock: Clock) -> str:
    version_id = _uploading(service, ana, clock)
    service.uploads.abandon(ana, version_id)
    return version_id


def _published(service: Service, ana: User) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    service.uploads.publish(ana, version.id, Manifest.of([]))


def _lost(service: Service, ana: User, clock: Clock) -> None:
    version_id = _optimizing(service, ana, clock)
    service.context.storage.erase(version_id)
    service.finishing.finish_waiting(only=version_id)


def _fetched(service: Service, ana: User) -> None:
    version = service.uploads.fetch(ana, "data", ARCHIVE)
    service.finishing.publish(version, Manifest.of([]), ana.name)


def _not_fetched(service: Service, ana: User) -> None:
    version = service.uploads.fetch(ana, "data", ARCHIVE)
    service.finishing.finish_waiting(only=version.id)
