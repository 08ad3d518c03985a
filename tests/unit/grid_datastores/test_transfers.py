"""What is left when a transfer fails between two steps, and that nothing expires while files are compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from manual_clock import Clock

from grid_datastores.domain.errors import Unreachable, UploadInterrupted
from grid_datastores.domain.model import Phase, Place, Source, SourceKind, User, Version, VersionRef
from grid_datastores.gateway.embedded import EmbeddedDatastores
from grid_datastores.machine import upload_journal, uploads
from grid_datastores.machine.upload_journal import Journal, find_interrupted
from grid_datastores.service import Service
from grid_datastores.service.run_locks import RunLocks
from grid_datastores.sources import LocalSource, scan
from grid_datastores.sources.local import LocalFile

ARCHIVE = Source(SourceKind.ARCHIVE, "https://example.com/data.zip")


@pytest.fixture
def datastores(service: Service, ana: User, tmp_path: Path) -> EmbeddedDatastores:
    return EmbeddedDatastores(service, ana, tmp_path, RunLocks(tmp_path / "runs"))


@pytest.fixture
def data(tmp_path: Path) -> LocalSource:
    """Three files, the first of which is an object of its own."""
    folder = tmp_path / "source"
    folder.mkdir()
    for name, size in (("a.raw", 2**20), ("b.csv", 3), ("c.csv", 4)):
        (folder / name).write_bytes(b"x" * size)
    return scan(str(folder))


@pytest.mark.parametrize("error", [Unreachable("No server answers."), KeyboardInterrupt()], ids=["away", "Ctrl-C"])
def test_a_version_that_cannot_be_ordered_is_dropped(
    datastores: EmbeddedDatastores, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def start_fetch(_version: object) -> None:
        raise error

    monkeypatch.setattr(datastores, "start_fetch", start_fetch)
    with pytest.raises(type(error)):
        uploads.fetch(datastores, "data", ARCHIVE)
    assert datastores.quota().used == 0
    assert datastores.find(VersionRef("data", 1)).phase is Phase.DELETED


def test_nobody_is_sent_to_resume_what_was_dropped(
    datastores: EmbeddedDatastores, data: LocalSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin_journal(*_given: object) -> Journal:
        raise KeyboardInterrupt

    monkeypatch.setattr(uploads, "begin_journal", begin_journal)
    with pytest.raises(KeyboardInterrupt):
        uploads.create(datastores, tmp_path, "data", data, lambda _: None)
    assert datastores.quota().used == 0


def test_the_journal_of_an_upload_is_written_while_others_can_change_the_catalog(
    service: Service, datastores: EmbeddedDatastores, data: LocalSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another upload takes the number meanwhile; the journal follows the version, not the number."""
    begin_journal = uploads.begin_journal

    def slowly(directory: Path, place: Place, version: Version, data: LocalSource) -> Journal:
        assert version.ref == VersionRef("data", 1)
        with service.context.catalog.write(at_once=True):  # it is refused if anybody writes
            pass
        datastores.begin("data", data.source)
        return begin_journal(directory, place, version, data)

    monkeypatch.setattr(uploads, "begin_journal", slowly)
    _interrupt(datastores, data, tmp_path)
    monkeypatch.setattr(upload_journal, "try_lock", lambda _descriptor: True)  # its process has ended
    (journal,) = find_interrupted(tmp_path, datastores.identity).journals
    assert journal.ref == VersionRef("data", 2)
    assert uploads.resume(datastores, journal, lambda _: None).version.ref == VersionRef("data", 2)


@pytest.mark.parametrize("told", [True, False], ids=["its number is recorded", "killed before"])
def test_an_upload_is_found_by_its_id(
    datastores: EmbeddedDatastores, data: LocalSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, told: bool
) -> None:
    other = datastores.begin("data", data.source)
    version = datastores.begin("data", data.source)
    with monkeypatch.context() as patched:
        patched.setattr(upload_journal, "try_lock", lambda _descriptor: True)
        journal = upload_journal.begin_journal(tmp_path, datastores.identity(), replace(version, ref=other.ref), data)
        if told:
            journal.renumber(version.ref)
        (found,) = find_interrupted(tmp_path, datastores.identity).journals
        uploads.discard(datastores, found)
    assert [one.id for one in datastores.versions()] == [other.id]


def test_nothing_expires_while_what_has_arrived_is_compared(
    service: Service,
    datastores: EmbeddedDatastores,
    data: LocalSource,
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The upload was left for most of its time; then each file takes as long to read again."""
    _interrupt(datastores, data, tmp_path)
    clock.go(0.9 * clock.expiry)
    chunks = LocalFile.chunks

    def slowly(self: LocalFile) -> Iterator[bytes]:
        clock.go(0.9 * clock.expiry)
        service.tidy()
        return chunks(self)

    monkeypatch.setattr(LocalFile, "chunks", slowly)
    monkeypatch.setattr(uploads, "monotonic", lambda: clock.steady)
    monkeypatch.setattr(upload_journal, "try_lock", lambda _descriptor: True)  # its process has ended
    found = find_interrupted(tmp_path, datastores.identity)
    resumed = uploads.resume(datastores, found.journals[0], lambda _: None)
    assert resumed.version.phase is Phase.AVAILABLE


def _interrupt(datastores: EmbeddedDatastores, data: LocalSource, directory: Path) -> None:
    """An upload that stops when its first object has arrived."""

    begun: list[int] = []

    def advance(count: int) -> None:
        if begun:
            raise KeyboardInterrupt
        if count == 2**20:
            begun.append(count)

    with pytest.raises(UploadInterrupted):
        uploads.create(datastores, directory, "data", data, advance)
