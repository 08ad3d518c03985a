"""Uploads that meet other work on the same version, in the order that a test gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import md5, sha256
from pathlib import Path
from threading import Barrier

import pytest
from manual_clock import Clock

from grid_datastores.catalog.versions import Versions
from grid_datastores.domain.errors import (
    CatalogFailed,
    Immutable,
    NoSpace,
    NotFound,
    QuotaReached,
    Refusal,
)
from grid_datastores.domain.model import FileEntry, Phase, Source, SourceKind, User, Version
from grid_datastores.service import Service
from grid_datastores.service.finishing import Finishing
from grid_datastores.service.uploads import URL_LIFETIME, CompletedObject
from grid_datastores.sources import scan
from grid_datastores.sources.limits import FetchLimits
from grid_datastores.sources.remote import RemoteFiles
from grid_datastores.storage import Manifest

FILES = Source(SourceKind.FILES, "data")
ARCHIVE = Source(SourceKind.ARCHIVE, "https://example.com/a.zip?key=SECRET")


def _part(service: Service, upload_id: str, number: int, content: bytes) -> None:
    with service.uploads.part(upload_id, number) as target:
        target.write(content)


def _sent(service: Service, ana: User, version: Version, contents: list[bytes]) -> CompletedObject:
    (upload,) = service.uploads.announce(ana, version.id, {"a.csv": len(contents)})
    for number, content in enumerate(contents, 1):
        _part(service, upload.id, number, content)
    etags = {n: md5(content, usedforsecurity=False).hexdigest() for n, content in enumerate(contents, 1)}
    return CompletedObject("a.csv", upload.id, etags)


@pytest.mark.proves("upload-expires-without-data")
def test_an_upload_whose_parts_arrive_does_not_expire(service: Service, ana: User, clock: Clock) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    (upload,) = service.uploads.announce(ana, version.id, {"a.csv": 5})
    for number in range(1, 6):
        clock.go(0.6 * clock.expiry)
        _part(service, upload.id, number, b"1")
        service.tidy()
    assert service.reading.get(ana, version.id).phase is Phase.UPLOADING
    clock.go(1.1 * clock.expiry)
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
    assert service.uploads.stored_parts(version.id, [upload]) == {}
    _part(service, upload.id, 2, b"2")
    with service.uploads.part(upload.id, 3) as target:
        target.write(b"under way")
        again = service.uploads.announce(ana, version.id, {"a.csv": 3, "b.csv": 1})
        etag = md5(b"2", usedforsecurity=False).hexdigest()
        assert service.uploads.stored_parts(version.id, again) == {(upload.id, 2): etag}


def test_assembling_again_without_the_parts_leaves_the_object(service: Service, ana: User) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    done = _sent(service, ana, version, [b"1"])
    storage = service.context.storage
    storage.assemble(version.id, done.upload_id, done.ordered_etags, "object").commit()
    storage.discard_parts(version.id, done.upload_id, done.ordered_etags)
    again = storage.assemble(version.id, done.upload_id, done.ordered_etags, "object")
    assert again.digests == [""]
    with pytest.raises(NotFound):
        again.commit()
    assert b"".join(storage.read(version.id, "object")) == b"1"


def _manifest(content: bytes) -> Manifest:
    return Manifest.of([FileEntry("a.csv", len(content), sha256(content).hexdigest(), "a.csv", 0)])


def _while(held: object, method: str, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """The first call of this method is held up, after it is done, until something else has happened."""
    real = getattr(held, method)

    def once(*given: object) -> object:
        monkeypatch.setattr(type(held), method, lambda _self, *given: real(*given))
        result = real(*given)
        meanwhile()
        return result

    monkeypatch.setattr(type(held), method, lambda _self, *given: once(*given))


@pytest.mark.parametrize("parts", [1, 2], ids=["one part", "two parts"])
def test_a_late_word_does_not_change_an_object_that_is_checked(
    service: Service, ana: User, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    """Two say that an object is complete; the second says so of other bytes, sent meanwhile, and is slow."""
    first, second = [b"1" * 10] * parts, [b"2" * 10] * parts
    version = service.uploads.begin(ana, "data", FILES)
    slow = _sent(service, ana, version, second)

    def everything_else() -> None:
        done = _sent(service, ana, version, first)
        service.uploads.complete_objects(ana, version.id, [done])
        _sent(service, ana, version, second)
        service.uploads.announce_manifest(ana, version.id, _manifest(b"".join(first)).encode())
        service.uploads.complete(ana, version.id)

    _while(service.context.storage, "assemble", monkeypatch, everything_else)
    with pytest.raises(Immutable):
        service.uploads.complete_objects(ana, version.id, [slow])
    service.finishing.finish_waiting()
    assert service.reading.get(ana, version.id).phase is Phase.AVAILABLE
    assert b"".join(service.reading.file(ana, version.id, "a.csv")[1]) == b"".join(first)
    assert len(list(service.context.storage.local_path(version.id, "x").parent.iterdir())) == 2


def test_a_late_word_does_not_change_an_object_that_is_complete(
    service: Service, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    slow = _sent(service, ana, version, [b"2"])

    def everything_else() -> None:
        service.uploads.complete_objects(ana, version.id, [_sent(service, ana, version, [b"1"])])

    _while(service.context.storage, "assemble", monkeypatch, everything_else)
    service.uploads.complete_objects(ana, version.id, [slow])
    service.uploads.complete(ana, version.id)
    service.finishing.finish_waiting()
    assert b"".join(service.reading.file(ana, version.id, "a.csv")[1]) == b"1"


def test_a_part_or_manifest_that_arrives_late_is_refused_and_leaves_nothing(service: Service, ana: User) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    done = _sent(service, ana, version, [b"1"])
    late = service.uploads.part(done.upload_id, 1)
    late.__enter__().write(b"late")
    embedded = service.uploads.sink(ana, version.id).object("object", None)
    embedded.__enter__().write(b"late")
    service.uploads.complete_objects(ana, version.id, [done])
    service.uploads.complete(ana, version.id)
    for context in (late, embedded):
        with pytest.raises(Immutable):
            context.__exit__(None, None, None)
    with pytest.raises(Immutable):
        service.uploads.announce_manifest(ana, version.id, _manifest(b"1").encode())
    service.finishing.finish_waiting()
    assert len(list(service.context.storage.local_path(version.id, "x").parent.iterdir())) == 2


def test_a_manifest_on_its_way_when_the_upload_is_completed_is_refused(
    service: Service, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    service.uploads.complete_objects(ana, version.id, [_sent(service, ana, version, [b"1"])])
    real = Manifest.decode

    def decode(data: bytes) -> Manifest:
        service.uploads.complete(ana, version.id)
        return real(data)

    monkeypatch.setattr(Manifest, "decode", decode)
    with pytest.raises(Immutable):
        service.uploads.announce_manifest(ana, version.id, _manifest(b"1").encode())


def test_a_finished_version_is_not_published_again(
    service: Service, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two publish one upload at once; the slow one's manifest is not the version's."""
    version = service.uploads.begin(ana, "data", FILES)
    with service.uploads.sink(ana, version.id).object("a.csv", None) as target:
        target.write(b"1")

    def everything_else() -> None:
        service.uploads.publish(ana, version.id, _manifest(b"1"))

    _while(service.context.storage, "size", monkeypatch, everything_else)
    other = Manifest.of([_manifest(b"1").files[0]._replace(path="b.csv")])
    assert service.uploads.publish(ana, version.id, other).fingerprint == _manifest(b"1").fingerprint
    assert service.reading.manifest(ana, version.id) == _manifest(b"1")


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


@pytest.mark.parametrize("trouble", [CatalogFailed("It is busy."), NoSpace("It is full.")], ids=["busy", "full"])
def test_a_catalog_that_cannot_be_written_does_not_undo_an_upload(
    service: Service, ana: User, monkeypatch: pytest.MonkeyPatch, trouble: Refusal
) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    service.uploads.complete_objects(ana, version.id, [_sent(service, ana, version, [b"1"])])
    service.uploads.complete(ana, version.id)

    def finish(*_given: object, **_named: object) -> None:
        raise trouble

    with monkeypatch.context() as patch:
        patch.setattr(Versions, "finish", finish)
        with pytest.raises(type(trouble)):
            service.finishing.finish_waiting()
    service.tidy()
    assert service.reading.get(ana, version.id).phase is Phase.OPTIMIZING
    service.finishing.finish_waiting()
    assert service.reading.get(ana, version.id).phase is Phase.AVAILABLE
    assert b"".join(service.reading.file(ana, version.id, "a.csv")[1]) == b"1"


def test_what_is_fetched_onto_a_full_disk_has_failed(
    service: Service, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = service.uploads.begin(ana, "data", ARCHIVE)
    service.uploads.complete(ana, version.id)

    def fetched(*_given: object) -> Manifest:
        raise NoSpace("It is full.")

    monkeypatch.setattr(Finishing, "_fetch", fetched)
    service.finishing.finish_waiting()
    assert service.reading.get(ana, version.id).phase is Phase.FAILED


@pytest.mark.proves("limits-of-a-fetch-hold-by-default")
def test_a_fetch_has_the_limits_of_the_guide(
    service: Service, ana: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[FetchLimits] = []

    @contextmanager
    def remote(_source: Source, _scratch: Path, limits: FetchLimits, **_named: object) -> Iterator[RemoteFiles]:
        given.append(limits)
        yield RemoteFiles(list(scan(str(tmp_path / "a.csv")).files))

    (tmp_path / "a.csv").write_bytes(b"1")
    monkeypatch.setattr("grid_datastores.sources.remote.open_remote", remote)
    for source in (ARCHIVE, Source(SourceKind.BUCKET, "s3://birds/a")):
        service.uploads.complete(ana, service.uploads.begin(ana, "data", source).id)
    service.finishing.finish_waiting()
    assert [(one.files, one.total_bytes) for one in given] == [(1_000_000, 100 * 1024**3)] * 2


def test_room_is_not_made_by_deleting_what_takes_none(service: Service, ana: User, clock: Clock) -> None:
    service.uploads.begin(ana, "data", FILES)
    clock.go(1.1 * clock.expiry)
    service.tidy()
    for _ in range(2):
        service.uploads.begin(ana, "data", FILES)
    with pytest.raises(QuotaReached) as refused:
        service.uploads.begin(ana, "data", FILES)
    assert "--version 1" not in refused.value.message
    assert "--version 2" in refused.value.message


def test_an_address_that_is_asked_for_again_is_good_for_another_day(service: Service, ana: User, clock: Clock) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    first = service.uploads.announce(ana, version.id, {"a.csv": 1, "b.csv": 1})
    etag = md5(b"", usedforsecurity=False).hexdigest()
    _part(service, first[1].id, 1, b"")
    service.uploads.complete_objects(ana, version.id, [CompletedObject("b.csv", first[1].id, {1: etag})])
    clock.go(50)
    again = service.uploads.announce(ana, version.id, {"a.csv": 1, "b.csv": 1})
    assert again[0] == first[0]._replace(expires_at=clock() + URL_LIFETIME)
    assert again[1] == first[1]._replace(completed=True)
