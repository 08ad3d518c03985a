"""Uploads that meet other work on the same version, in the order that a test gives them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path
from threading import Barrier

import pytest

from grid_datastores.errors import NotFound, QuotaReached
from grid_datastores.model import Phase, Source, SourceKind, User, Version
from grid_datastores.service import Service, open_service
from grid_datastores.service.uploads import CompletedObject
from grid_datastores.settings import Limits, Settings

EXPIRY = 100  # seconds
FILES = Source(SourceKind.FILES, "data")


class Clock:
    """A clock that goes when it is told."""

    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Iterator[Service]:
    settings = Settings(tmp_path, tmp_path / "data" / "catalog.sqlite", Limits(quota=2, upload_expiry=EXPIRY))
    opened = open_service(settings, lambda: None, clock)
    yield opened
    opened.context.catalog.close()


@pytest.fixture
def ana(service: Service) -> User:
    return service.accounts.local("ana")


def _part(service: Service, upload_id: str, number: int, content: bytes) -> None:
    with service.uploads.part(upload_id, number) as target:
        target.write(content)


def _sent(service: Service, ana: User, version: Version, contents: list[bytes]) -> CompletedObject:
    (upload,) = service.uploads.announce(ana, version.id, {"a.csv": len(contents)})
    for number, content in enumerate(contents, 1):
        _part(service, upload.id, number, content)
    etags = {n: md5(content, usedforsecurity=False).hexdigest() for n, content in enumerate(contents, 1)}
    return CompletedObject("a.csv", upload.id, etags)


def test_an_upload_whose_parts_arrive_does_not_expire(service: Service, ana: User, clock: Clock) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    (upload,) = service.uploads.announce(ana, version.id, {"a.csv": 5})
    for number in range(1, 6):
        clock.go(0.6 * EXPIRY)
        _part(service, upload.id, number, b"1")
        service.tidy()
    assert service.reading.get(ana, version.id).phase is Phase.UPLOADING
    clock.go(1.1 * EXPIRY)
    service.tidy()
    assert service.reading.get(ana, version.id).phase is Phase.FAILED


@pytest.mark.parametrize("contents", [[b"1"], [b"1", b"2"]], ids=["one part", "two parts"])
def test_the_last_word_of_an_object_can_be_said_many_times_at_once(
    service: Service, ana: User, contents: list[bytes]
) -> None:
    for _ in range(20):
        version = service.uploads.begin(ana, "data", FILES)
        done = _sent(service, ana, version, contents)
        start = Barrier(4)

        def say(version_id: str = version.id, done: CompletedObject = done, start: Barrier = start) -> None:
            start.wait()
            service.uploads.complete_objects(ana, version_id, [done])

        with ThreadPoolExecutor(4) as pool:
            for said in [pool.submit(say) for _ in range(4)]:
                said.result()
        service.uploads.complete(ana, version.id)
        service.finishing.finish_waiting()
        assert service.reading.get(ana, version.id).phase is Phase.AVAILABLE
        service.deletion.delete(ana, version.id)


def test_parts_that_are_there_whole_are_told_and_no_others(service: Service, ana: User) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    (upload,) = service.uploads.announce(ana, version.id, {"a.csv": 3})
    assert service.uploads.arrived(version.id, [upload]) == {}
    _part(service, upload.id, 2, b"2")
    with service.uploads.part(upload.id, 3) as target:
        target.write(b"under way")
        again = service.uploads.announce(ana, version.id, {"a.csv": 3, "b.csv": 1})
        etag = md5(b"2", usedforsecurity=False).hexdigest()
        assert service.uploads.arrived(version.id, again) == {(upload.id, 2): etag}


def test_assembling_again_without_the_parts_leaves_the_object(service: Service, ana: User) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    done = _sent(service, ana, version, [b"1"])
    storage = service.context.storage
    storage.assemble(version.id, done.upload_id, 1, "object")
    storage.drop_parts(version.id, done.upload_id, 1)
    with pytest.raises(NotFound):
        storage.assemble(version.id, done.upload_id, 1, "object")
    assert b"".join(storage.read(version.id, "object")) == b"1"


def test_a_version_that_somebody_finishes_is_left_to_them(service: Service, ana: User) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    service.uploads.complete_objects(ana, version.id, [_sent(service, ana, version, [b"1"])])
    service.uploads.complete(ana, version.id)
    with service.context.storage.claim(version.id) as claimed:
        assert claimed
        service.finishing.finish_waiting()
        assert service.reading.get(ana, version.id).phase is Phase.OPTIMIZING
    service.finishing.finish_waiting()
    assert service.reading.get(ana, version.id).phase is Phase.AVAILABLE


def test_room_is_not_made_by_deleting_what_takes_none(service: Service, ana: User, clock: Clock) -> None:
    service.uploads.begin(ana, "data", FILES)
    clock.go(1.1 * EXPIRY)
    service.tidy()
    for _ in range(2):
        service.uploads.begin(ana, "data", FILES)
    with pytest.raises(QuotaReached) as refused:
        service.uploads.begin(ana, "data", FILES)
    assert "--version 1" not in refused.value.message
    assert "--version 2" in refused.value.message
