"""What becomes of the readers of a version that is deleted, and when its bytes are recorded as gone."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest
from listed import listed
from manual_clock import Clock

from grid_datastores.domain.errors import AlreadyDeleted
from grid_datastores.domain.model import EventKind, FileEntry, Source, SourceKind, User, Version
from grid_datastores.gateway.embedded import EmbeddedDatastores
from grid_datastores.machine.uploads import download
from grid_datastores.service import Service
from grid_datastores.service.removal import READERS_TIMEOUT
from grid_datastores.service.run_locks import RunLocks
from grid_datastores.storage import CHUNK, LocalStorage, Manifest

CONTENT = b"x" * (3 * CHUNK)
FILES = Source(SourceKind.FILES, "data")


@pytest.fixture
def version(service: Service, ana: User) -> Version:
    begun = service.uploads.begin(ana, "data", FILES)
    with service.uploads.sink(ana, begun.id).object("o", len(CONTENT)) as target:
        target.write(CONTENT)
    entry = FileEntry("a", len(CONTENT), sha256(CONTENT).hexdigest(), "o", 0)
    return service.uploads.publish(ana, begun.id, Manifest.of([entry]))


def _times_gone(service: Service, ana: User, version: Version) -> int:
    history = service.reading.details(ana, version.id).history
    return [event.kind for event in history].count(EventKind.BYTES_GONE)


@pytest.mark.proves("bytes-gone-without-readers", "readers-of-deleted-versions-end")
def test_bytes_are_gone_when_the_last_reader_has_ended(service: Service, ana: User, version: Version) -> None:
    content = service.reading.file(ana, version.id, "a")[1]
    stored = service.context.storage.local_path(version.id, "o")
    assert CONTENT.startswith(next(content))
    service.deletion.delete(ana, version.id)
    assert service.erase_deleted()
    assert stored
    assert (stored.stat().st_size, _times_gone(service, ana, version)) == (0, 0)
    with pytest.raises(AlreadyDeleted):
        list(content)
    assert not service.erase_deleted()
    assert not service.erase_deleted()
    assert (stored.parent.exists(), _times_gone(service, ana, version)) == (False, 1)


@pytest.mark.proves("running-download-ends")
def test_a_download_without_a_server_ends_when_its_version_is_deleted(
    service: Service, ana: User, version: Version, tmp_path: Path
) -> None:
    datastores = EmbeddedDatastores(service, ana, tmp_path, RunLocks(tmp_path / "runs"))

    def delete_meanwhile(_count: int) -> None:
        if listed(service, ana):
            datastores.delete(version.ref)
            datastores.erase_deleted()

    with pytest.raises(AlreadyDeleted):
        download(datastores, tmp_path / ".grid", version.ref, tmp_path / "target", delete_meanwhile)
    assert [path for path in tmp_path.iterdir() if "target" in path.name] == []


@pytest.mark.proves("stuck-reader-delays-record")
def test_a_reader_that_is_stuck_delays_the_record_for_a_limited_time(
    service: Service, ana: User, version: Version, clock: Clock
) -> None:
    stuck = service.context.storage.read(version.id, "o")
    next(stuck)
    service.deletion.delete(ana, version.id)
    assert service.erase_deleted()
    clock.go(READERS_TIMEOUT.total_seconds() - 1)
    assert service.erase_deleted()
    clock.go(1)
    assert not service.erase_deleted()
    assert _times_gone(service, ana, version) == 1
    stuck.close()  # type: ignore[attr-defined]


@pytest.mark.proves("stuck-reader-delays-record")
def test_a_step_of_the_clock_does_not_shorten_the_wait_for_a_reader(
    service: Service, ana: User, version: Version, clock: Clock
) -> None:
    stuck = service.context.storage.read(version.id, "o")
    next(stuck)
    service.deletion.delete(ana, version.id)
    assert service.erase_deleted()
    clock.jump(3600)
    assert service.erase_deleted()
    clock.jump(-7200)
    clock.go(READERS_TIMEOUT.total_seconds())
    assert not service.erase_deleted()
    assert _times_gone(service, ana, version) == 1
    stuck.close()  # type: ignore[attr-defined]


def test_transfers_of_a_deleted_version_are_ended_and_no_others(service: Service, ana: User, version: Version) -> None:
    ended: list[str] = []
    readers = service.context.readers
    with (
        readers.reading(version.id, lambda: ended.append("one")),
        readers.reading(version.id, lambda: ended.append("two")),
        readers.reading(service.uploads.begin(ana, "other", FILES).id, lambda: ended.append("other")),
    ):
        service.end_readers_of_deleted()
        assert ended == []
        service.deletion.delete(ana, version.id)
        service.end_readers_of_deleted()
        assert sorted(ended) == ["one", "two"]
    assert readers.version_ids() == []


@pytest.mark.proves("bytes-gone-once")
def test_the_bytes_of_a_failed_version_are_gone_once(service: Service, ana: User, clock: Clock) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    clock.go(1.1 * clock.expiry)
    service.tidy()
    assert _times_gone(service, ana, version) == 1
    service.deletion.delete(ana, version.id)
    service.tidy()
    assert _times_gone(service, ana, version) == 1


@pytest.mark.proves("bytes-gone-once")
def test_bytes_are_gone_once_also_if_another_process_queues_them_again(
    service: Service, ana: User, version: Version, clock: Clock
) -> None:
    service.deletion.delete(ana, version.id)
    service.erase_deleted()
    gone_at = service.reading.details(ana, version.id).version.bytes_gone_at
    clock.go(READERS_TIMEOUT.total_seconds())
    with service.context.catalog.write() as tx:
        tx.versions.queue_removal(version.id, clock())
    service.erase_deleted()
    assert _times_gone(service, ana, version) == 1
    assert service.reading.details(ana, version.id).version.bytes_gone_at == gone_at


def test_what_else_has_the_bytes_keeps_them(tmp_path: Path) -> None:
    """A backup made of hard links, and what a link leads to, are not the removal's."""
    storage = LocalStorage(tmp_path)
    storage.begin("v1")
    for name in ("one", "two"):
        with storage.new_object("v1", name) as target:
            target.write(b"bytes")
    folder = tmp_path / "versions" / "v1"
    os.link(folder / "one", tmp_path / "backup")
    (tmp_path / "elsewhere").write_bytes(b"others")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(folder / "pipe")
    with (folder / "two").open("rb") as reader:
        assert not storage.erase("v1", ignore_readers=True)
        assert reader.read() == b""
    assert not folder.exists()
    assert (tmp_path / "backup").read_bytes() == b"bytes"
    assert (tmp_path / "elsewhere").read_bytes() == b"others"
