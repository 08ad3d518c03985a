"""Changes in the log of the data: there when they are reported, and what becomes of them if that fails."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from data_folder import Folder, create
from listed import listed
from sqlalchemy import event

from grid_datastores.catalog import Catalog, database
from grid_datastores.domain.model import EventKind
from grid_datastores.storage import LocalStorage, local
from grid_datastores.storage.log import LocalLog


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "grid")


@pytest.mark.proves("the-log-has-versions-and-deletions")
def test_a_deletion_is_in_the_log_when_it_is_reported(folder: Folder) -> None:
    with closing(folder.open()) as service:
        ana = service.accounts.local("ana")
        version_id = create(service, ana)
        for kind in ("version", "finished"):
            assert f'{{"{kind}":"{version_id}"' in folder.log.read_text()
        service.deletion.delete(ana, version_id)
        assert f'{{"deleted":"{version_id}","by":"ana"' in folder.log.read_text()


def test_what_a_killed_process_did_not_log_the_next_one_does(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(folder.open()) as service:
        ana = service.accounts.local("ana")
        version_id = create(service, ana)
        monkeypatch.setattr(service.context.catalog, "_log_file", None)
        service.deletion.delete(ana, version_id)
    assert '"deleted"' not in folder.log.read_text()
    folder.open().close()
    assert f'{{"deleted":"{version_id}"' in folder.log.read_text()


def test_entries_are_kept_only_until_they_are_durable_in_the_log(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(folder.open()) as service:
        ana = service.accounts.local("ana")
        first = create(service, ana)
        create(service, ana)
        with service.context.catalog.read() as tx:
            assert tx.log.first_sequence() == 1
        service.deletion.delete(ana, first)
        order: list[str] = []
        _note(monkeypatch, LocalLog, "sync", order)
        _note(monkeypatch, LocalStorage, "erase", order)
        service.erase_deleted()
        assert order == ["sync", "erase"]
        last = create(service, ana)
        with service.context.catalog.read() as tx:
            assert tx.log.first_sequence() == 7  # the deletion, after two entries a version, the user and the catalog
    monkeypatch.setattr(database, "MAX_KEPT_ENTRIES", 1)
    with closing(folder.open()) as service:
        service.deletion.delete(ana, last)
        with service.context.catalog.read() as tx:
            assert len(tx.log.since(0)) == 2


def test_a_deletion_is_in_the_log_before_its_bytes_are_erased_whoever_appends_it(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that deleted it was killed after its commit, or is about to append the entry."""
    with closing(folder.open()) as service:
        ana = service.accounts.local("ana")
        version_id = create(service, ana)
        with closing(Catalog(service.context.catalog._path)) as other, other.write() as tx:
            tx.versions.mark_deleted(version_id, "ana", service.context.clock())
        order: list[str] = []
        _note(monkeypatch, LocalLog, "sync", order)
        _note(monkeypatch, LocalStorage, "erase", order)
        service.erase_deleted()
        assert order == ["sync", "erase"]
        assert f'{{"deleted":"{version_id}"' in folder.log.read_text()


def test_the_removal_of_many_versions_waits_for_the_disk_as_often_as_that_of_one(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(folder.open()) as service:
        ana = service.accounts.local("ana")
        versions = [create(service, ana) for _ in range(5)]
        for version_id in versions:
            service.deletion.delete(ana, version_id)
        waits: list[str] = []
        _note(monkeypatch, LocalLog, "sync", waits)
        _note(monkeypatch, local, "sync_folder", waits)
        event.listen(service.context.catalog._engine, "commit", lambda _connection: waits.append("commit"))
        assert not service.erase_deleted()
        assert waits == ["sync", "sync_folder", "commit"]
        for version_id in versions:
            history = service.reading.details(ana, version_id).history
            assert [one.kind for one in history].count(EventKind.BYTES_GONE) == 1


def test_a_command_that_changes_nothing_does_not_wait_for_the_disk(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(folder.open()) as service:
        create(service, service.accounts.local("ana"))
    order: list[str] = []
    _note(monkeypatch, LocalLog, "sync", order)
    with closing(folder.open()) as service:
        service.tidy()
        listed(service, service.accounts.local("ana"))
    assert order == []
    with closing(folder.open()) as service:
        create(service, service.accounts.local("ana"))
    assert order == ["sync"]


def test_before_a_killed_process_s_removal_goes_on_the_deletion_is_durable(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = folder.open()
    ana = service.accounts.local("ana")
    service.deletion.delete(ana, create(service, ana))
    monkeypatch.setattr(service.context.catalog, "sync_log", lambda: None)  # it is killed here
    service.close()
    order: list[str] = []
    _note(monkeypatch, LocalLog, "sync", order)
    _note(monkeypatch, LocalStorage, "erase", order)
    with closing(folder.open()) as service:
        service.tidy()
    assert order == ["sync", "erase"]


def _note(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, order: list[str]) -> None:
    real = getattr(owner, name)

    def noted(*given: object, **named: object) -> object:
        order.append(name)
        return real(*given, **named)

    monkeypatch.setattr(owner, name, noted)


def test_a_log_that_cannot_be_written_does_not_undo_a_deletion(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    database._warn_once.cache_clear()

    def full(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    with closing(folder.open()) as service:
        ana = service.accounts.local("ana")
        version_id = create(service, ana)
        with monkeypatch.context() as patched:
            patched.setattr(LocalLog, "extend", full)
            service.deletion.delete(ana, version_id)
        assert listed(service, ana) == []
        assert "no space left on device. The next change retries it." in caplog.text
        create(service, ana)
    assert f'{{"deleted":"{version_id}"' in folder.log.read_text()


def test_a_log_that_was_replaced_does_not_make_a_deletion_fail(
    folder: Folder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The deletion is committed, so it must be reported. The next start refuses the log."""
    database._warn_once.cache_clear()
    another = Folder(tmp_path / "another")
    another.open().close()
    with closing(folder.open()) as service:
        ana = service.accounts.local("ana")
        version_id = create(service, ana)
        shutil.copy(another.log, folder.log)
        assert service.deletion.delete(ana, version_id).id == version_id
        assert listed(service, ana) == []
        assert "could not be written: The catalog" in caplog.text
    assert "does not belong to the data" in folder.refused()
