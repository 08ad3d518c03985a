"""What a place answers to the machines that work on it: its id, and which of their copies are to be erased."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from manual_clock import Clock

from grid_datastores.model import Source, SourceKind, User, Version, WorkloadKind, WorkloadState
from grid_datastores.service import Service, open_service
from grid_datastores.settings import Limits, Settings
from grid_datastores.storage import Manifest, pack


class _File:
    path, size = "a.txt", 5

    def chunks(self) -> Iterator[bytes]:
        yield b"hello"


def _made(service: Service, user: User) -> Version:
    version = service.uploads.begin(user, "data", Source(SourceKind.FILES, "/data"))
    packed = list(pack([_File()], service.uploads.sink(user, version.id), lambda _: None))
    return service.uploads.publish(user, version.id, Manifest.of(entry for _, entries in packed for entry in entries))


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


def test_copies_of_versions_that_are_deleted_or_not_the_users_are_to_be_erased(service: Service, ana: User) -> None:
    ben, _ = service.accounts.add("ben")
    kept, gone, theirs = _made(service, ana), _made(service, ana), _made(service, ben)
    service.deletion.delete(ana, gone.id)
    asked = [kept.id, gone.id, theirs.id, "never-there"]
    assert service.copies.deleted(ana, asked) == sorted([gone.id, theirs.id, "never-there"])
    assert service.copies.deleted(ana, []) == []


def test_a_version_may_have_copies_once_a_run_has_mounted_it(service: Service, ana: User) -> None:
    used, mounted = _made(service, ana), _made(service, ana)
    session = service.workloads.start(ana, WorkloadKind.SESSION, "tuning", {mounted.id: ""})
    assert not service.copies.may_exist(used.id)
    run = service.workloads.start(ana, WorkloadKind.RUN, "nightly", {used.id: ""})
    for workload in (session, run):
        service.workloads.set_state(ana, workload.kind, workload.id, WorkloadState.DELETED)
    assert service.copies.may_exist(used.id)
    assert not service.copies.may_exist(mounted.id)
    assert service.deletion.delete(ana, used.id).may_have_copies
    assert not service.deletion.delete(ana, mounted.id).may_have_copies
