"""What a place answers to the machines that work on it: its id, and which of their copies are to be erased."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from manual_clock import Clock

from grid_datastores.domain.model import User, Version, WorkloadKind, WorkloadState
from grid_datastores.service import Service, open_service
from grid_datastores.settings import Limits, Settings
from grid_datastores.sources import scan
from grid_datastores.storage import Manifest, pack
from reliability.machine import folder_of


@pytest.fixture
def made(service: Service, tmp_path: Path) -> Callable[[User], Version]:
    """Makes an available version of a user's."""
    data = scan(str(folder_of(tmp_path, {"a.txt": b"hello"})))

    def make(user: User) -> Version:
        version = service.uploads.begin(user, "data", data.source)
        packed = list(pack(data.files, service.uploads.sink(user, version.id), lambda _: None))
        return service.uploads.publish(user, version.id, Manifest.of(entry for _, got in packed for entry in got))

    return make


def test_a_place_has_an_id_of_its_own_that_stays(service: Service, tmp_path: Path, clock: Clock) -> None:
    place = service.copies.place_id()
    again = open_service(_settings(tmp_path), lambda: None, clock)
    assert again.copies.place_id() == service.copies.place_id() == place
    again.context.catalog.close()
    other = open_service(_settings(tmp_path / "other"), lambda: None, clock)
    assert other.copies.place_id() != place
    other.context.catalog.close()


def _settings(folder: Path) -> Settings:
    return Settings(folder, folder / "data" / "catalog.sqlite", Limits())


@pytest.mark.proves("deleted-or-not-yours")
def test_copies_of_versions_that_are_deleted_or_not_the_users_are_to_be_erased(
    service: Service, ana: User, made: Callable[[User], Version]
) -> None:
    ben, _ = service.accounts.add("ben")
    kept, gone, theirs = made(ana), made(ana), made(ben)
    service.deletion.delete(ana, gone.id)
    asked = [kept.id, gone.id, theirs.id, "never-there"]
    assert service.copies.deleted(ana, asked) == sorted([gone.id, theirs.id, "never-there"])
    assert service.copies.deleted(ana, []) == []


@pytest.mark.proves("a-run-may-leave-copies")
def test_a_version_may_have_copies_once_a_run_has_mounted_it(
    service: Service, ana: User, made: Callable[[User], Version]
) -> None:
    used, mounted = made(ana), made(ana)
    session = service.workloads.start(ana, WorkloadKind.SESSION, "tuning", {mounted.id: ""})
    assert not service.copies.may_exist(used.id)
    run = service.workloads.start(ana, WorkloadKind.RUN, "nightly", {used.id: ""})
    for workload in (session, run):
        service.workloads.set_state(ana, workload.kind, workload.id, WorkloadState.DELETED)
    assert not service.copies.may_exist(used.id), "no server has handed versions to another machine"
    service.accounts.ensure_signing_key()  # as a server does when it starts
    assert service.copies.may_exist(used.id)
    assert not service.copies.may_exist(mounted.id)
    assert service.deletion.delete(ana, used.id).may_have_copies
    assert not service.deletion.delete(ana, mounted.id).may_have_copies
