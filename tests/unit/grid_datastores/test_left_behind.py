"""What is left of versions that come to nothing: no byte, no place of the quota, and nobody is held up by it."""

from __future__ import annotations

import pytest
from listed import listed
from manual_clock import Clock

from grid_datastores.catalog.versions import Versions
from grid_datastores.domain.errors import NoSpace
from grid_datastores.domain.model import Phase, Source, SourceKind, User, WorkloadKind
from grid_datastores.service import Service
from grid_datastores.storage import LocalStorage

FILES = Source(SourceKind.FILES, "data")
ARCHIVE = Source(SourceKind.ARCHIVE, "https://example.com/a.zip")


def test_dropping_an_upload_holds_nobody_up(service: Service, ana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its bytes are erased, others write into the catalog, and it is not there any more."""
    version = service.uploads.begin(ana, "data", FILES)
    erase = LocalStorage.erase
    seen: list[object] = []

    def slow(storage: LocalStorage, version_id: str, *, ignore_readers: bool) -> bool:
        seen.append(listed(service, ana))
        service.workloads.start(ana, WorkloadKind.SESSION, "meanwhile", {})
        return erase(storage, version_id, ignore_readers=ignore_readers)

    monkeypatch.setattr(LocalStorage, "erase", slow)
    service.uploads.abandon(ana, version.id)
    assert seen == [[]]
    assert service.reading.details(ana, version.id).version.bytes_gone_at
    assert not service.context.storage.local_path(version.id, "x").parent.exists()


def test_a_drop_that_is_killed_before_the_bytes_are_erased_is_done(
    service: Service, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = service.uploads.begin(ana, "data", FILES)

    def dies(*_given: object, **_how: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "erase", dies)
        with pytest.raises(KeyboardInterrupt):
            service.uploads.abandon(ana, version.id)
    assert listed(service, ana) == []
    service.tidy()
    assert not service.context.storage.local_path(version.id, "x").parent.exists()


def test_a_drop_makes_the_room_that_the_catalog_needs(
    service: Service, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    place = service.context.storage.local_path(version.id, "x").parent
    mark_deleted = Versions.mark_deleted

    def needs_room(versions: Versions, *given: object) -> None:
        if place.exists():
            raise NoSpace("It is full.")
        mark_deleted(versions, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Versions, "mark_deleted", needs_room)
    service.uploads.abandon(ana, version.id)
    assert service.reading.details(ana, version.id).version.phase is Phase.DELETED


@pytest.mark.proves("fetch-expires")
def test_a_fetch_that_nobody_goes_on_with_expires(service: Service, ana: User, clock: Clock) -> None:
    version = service.uploads.begin(ana, "data", ARCHIVE)
    clock.go(0.9 * clock.expiry)
    service.uploads.complete(ana, version.id)
    clock.go(0.9 * clock.expiry)
    service.tidy()
    assert service.reading.get(ana, version.id).phase is Phase.FETCHING
    clock.go(0.2 * clock.expiry)
    with service.context.storage.claim(version.id):  # somebody fetches it
        service.tidy()
        assert service.reading.get(ana, version.id).phase is Phase.FETCHING
    service.tidy()
    assert service.reading.get(ana, version.id).phase is Phase.FAILED
    assert not service.context.storage.begun(version.id)


def test_an_upload_that_is_complete_waits_for_a_server(service: Service, ana: User, clock: Clock) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    with service.context.catalog.write() as tx:
        tx.versions.close(version, clock())
    clock.go(100 * clock.expiry)
    service.tidy()
    assert service.reading.get(ana, version.id).phase is Phase.OPTIMIZING


def test_a_version_without_its_folder_has_failed(service: Service, ana: User) -> None:
    version = service.uploads.begin(ana, "data", ARCHIVE)
    service.uploads.complete(ana, version.id)
    service.context.storage.erase(version.id)
    service.finishing.finish_waiting()
    failed = service.reading.get(ana, version.id)
    assert (failed.phase, failed.message) == (Phase.FAILED, "its data is missing from storage")
