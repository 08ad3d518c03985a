"""A catalog from a backup beside newer data: it is refused, and the repair knows again what the log has."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from data_folder import FILES, Folder, OneFile, create
from listed import listed

from grid_datastores.catalog import Catalog
from grid_datastores.domain.errors import CatalogFailed, NotSignedIn
from grid_datastores.domain.model import Phase, User, WorkloadKind
from grid_datastores.service import Service
from grid_datastores.service.repair import repair_catalog
from grid_datastores.storage import LocalStorage
from grid_datastores.storage.log import LocalLog


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "grid")


@pytest.fixture
def old(folder: Folder) -> Path:
    """A copy of the catalog; since then, version 1 was deleted, 2 was finished, 3 and 4 are new, and ben is new."""
    with closing(folder.open()) as service:
        ana = service.accounts.local("ana")
        first = create(service, ana)
        second = service.uploads.begin(ana, "birds", FILES)
        _zoe, key = service.accounts.add("zoe")
        (folder.home / "key").write_text(key)
        copy = folder.save()
        service.accounts.new_key("zoe")
        service.workloads.start(ana, WorkloadKind.SESSION, "since", {})
        service.deletion.delete(ana, first)
        _finish(service, ana, second.id)
        create(service, ana)
        service.deletion.delete(ana, create(service, ana))
        ben, _key = service.accounts.add("ben")
        create(service, ben, "theirs")
    return copy


def _finish(service: Service, user: User, version_id: str) -> None:
    from grid_datastores.storage import Manifest, pack

    packed = list(pack([OneFile()], service.uploads.sink(user, version_id), lambda _: None))
    service.uploads.publish(user, version_id, Manifest.of(entry for _, entries in packed for entry in entries))


@pytest.mark.proves("an-older-catalog-is-refused")
def test_an_older_catalog_is_refused_and_nothing_changes(folder: Folder, old: Path) -> None:
    folder.put_back(old)
    said = folder.refused()
    assert "is older than the data" in said
    assert "it lacks 1 user and 4 versions and 2 deletions. Nothing was changed." in said
    assert said.endswith("To bring it up to date: grid admin check --repair")


@pytest.mark.proves("an-older-catalog-is-repaired")
def test_a_repaired_catalog_has_all_versions_deletions_and_numbers(folder: Folder, old: Path) -> None:
    with closing(folder.open()) as service:
        before = _known(service)
    folder.put_back(old)
    assert str(repair_catalog(folder.settings)) == "1 user and 4 versions and 2 deletions"
    with closing(folder.open()) as service:
        assert _known(service) == before
        ana = service.accounts.local("ana")
        assert service.uploads.begin(ana, "birds", FILES).ref.number == 5
        deleted = [each for each in listed(service, ana, deleted=True) if each.phase is Phase.DELETED]
        assert [(each.ref.number, each.deleted_by) for each in deleted] == [(1, "ana"), (4, "ana")]
        service.erase_deleted()
    assert repair_catalog(folder.settings) is None


@pytest.mark.proves("keys-are-those-of-the-backup")
def test_keys_and_sessions_are_those_of_the_backup(folder: Folder, old: Path) -> None:
    folder.put_back(old)
    repair_catalog(folder.settings)
    with closing(folder.open()) as service:
        assert service.accounts.sign_in("zoe", (folder.home / "key").read_text()).name == "zoe"
        assert list(service.workloads.list(service.accounts.local("ana"), WorkloadKind.SESSION)) == []
        ben = next(user for user in service.accounts.all() if user.name == "ben")
        assert service.accounts.url_key(ben.id) is None
        with pytest.raises(NotSignedIn):
            service.accounts.sign_in("ben", "")
        _ben, key = service.accounts.new_key("ben")
        assert service.accounts.sign_in("ben", key) == ben


def _known(service: Service) -> list[tuple[object, ...]]:
    users = service.accounts.all()
    versions = [(user, each) for user in users for each in listed(service, user, deleted=True)]
    return [
        (user, each.id, each.ref, each.source, each.phase, each.fingerprint, each.size_bytes, each.deleted_at)
        for user, each in versions
    ]


def test_an_upload_that_was_not_finished_can_go_on_after_the_repair(folder: Folder) -> None:
    with closing(folder.open()) as service:
        ana = service.accounts.local("ana")
        copy = folder.save()
        begun, lost = (service.uploads.begin(ana, "birds", FILES).id for _ in range(2))
    shutil.rmtree(folder.data / "versions" / lost)
    folder.put_back(copy)
    repair_catalog(folder.settings)
    with closing(folder.open()) as service:
        assert [each.phase for each in listed(service, ana)] == [Phase.UPLOADING, Phase.FAILED]
        _finish(service, ana, begun)


def test_a_repair_that_was_killed_is_repeated(folder: Folder, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(folder.open()) as service:
        before = _known(service)
    folder.put_back(old)

    def killed(log: LocalLog, entries: object) -> None:
        replace(log, entries)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    replace = LocalLog.replace
    with monkeypatch.context() as patched:
        patched.setattr(LocalLog, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            repair_catalog(folder.settings)
    assert "is older than the data" in folder.refused()
    repair_catalog(folder.settings)
    with closing(folder.open()) as service:
        assert _known(service) == before


def test_a_repair_waits_for_nobody_and_nobody_works_beside_it(folder: Folder, old: Path) -> None:
    with closing(folder.open()), pytest.raises(CatalogFailed, match="a server or another command uses"):
        repair_catalog(folder.settings)
    storage = LocalStorage(folder.data)
    assert storage.hold(alone=True)
    assert "grid admin check --repair works on" in folder.refused()
    storage.release()
    folder.open().close()


@pytest.mark.proves("a-missing-catalog-is-refused")
@pytest.mark.parametrize("logged", [True, False], ids=["with a log", "of an older release"])
@pytest.mark.parametrize("state", ["is missing", "is empty"])
def test_data_without_its_catalog_begins_no_new_server(folder: Folder, old: Path, state: str, *, logged: bool) -> None:
    folder.settings.catalog.unlink()
    if state == "is empty":
        folder.settings.catalog.touch()
    if not logged:
        folder.log.unlink()
    said = folder.refused()
    assert f"catalog.sqlite {state}, but {folder.data} has the data of one. Nothing was changed." in said
    with pytest.raises(CatalogFailed, match=state):
        repair_catalog(folder.settings)


@pytest.mark.proves("another-catalog-is-refused")
def test_the_catalog_of_other_data_is_refused(folder: Folder, old: Path, tmp_path: Path) -> None:
    other = Folder(tmp_path / "other")
    with closing(other.open()) as service:
        create(service, service.accounts.local("ana"))
    folder.put_back(other.save())
    assert "does not belong to the data" in folder.refused()
    with pytest.raises(CatalogFailed, match="does not belong to the data"):
        repair_catalog(folder.settings)
    folder.put_back(tmp_path / "fresh.sqlite") if _fresh(tmp_path / "fresh.sqlite") else None
    assert "does not belong to the data" in folder.refused()


def _fresh(path: Path) -> bool:
    Catalog(path).close()
    return path.exists()


def _done(catalog: Path, query: str) -> None:
    with closing(sqlite3.connect(catalog)) as connection, connection:
        connection.execute(query)


def _forget_the_first_entry(folder: Folder) -> None:
    """As a later change does, when the log has it durably."""
    _done(folder.settings.catalog, "DELETE FROM log_entries WHERE sequence = 1")


def test_a_lost_log_is_noticed_and_written_again(folder: Folder, old: Path) -> None:
    log = folder.log.read_bytes()
    folder.log.unlink()
    folder.open().close()  # the catalog still has all entries
    assert folder.log.read_bytes() == log
    _forget_the_first_entry(folder)
    folder.log.unlink()
    assert "its log is missing" in folder.refused()
    assert not repair_catalog(folder.settings)
    before = folder.log.read_bytes()
    folder.open().close()
    assert folder.log.read_bytes() == before


@pytest.mark.proves("lost-line-of-the-log-is-noticed")
@pytest.mark.parametrize("cut", [True, False], ids=["cut", "changed"])
def test_a_last_line_that_is_lost_is_noticed_unless_the_catalog_has_it(folder: Folder, *, cut: bool) -> None:
    """A kill cuts only a line that the catalog has. With an older catalog, nobody knows what the line said."""
    with closing(folder.open()) as service:
        ana = service.accounts.local("ana")
        version_id = create(service, ana)
        copy = folder.save()
        service.deletion.delete(ana, version_id)
    whole = folder.log.read_bytes()
    damaged = whole[:-1] if cut else whole.replace(b'"by":"ana"', b'"by":"eve"')
    folder.log.write_bytes(damaged)
    folder.open().close()
    assert folder.log.read_bytes() == whole
    folder.log.write_bytes(damaged)
    folder.put_back(copy)
    assert "The last line of the log in" in (said := folder.refused())
    assert said.endswith("To continue without this change: grid admin check --repair")
    assert not repair_catalog(folder.settings)
    folder.open().close()


def test_a_log_that_is_a_folder_is_refused(folder: Folder, old: Path) -> None:
    folder.log.unlink()
    folder.log.mkdir()
    assert folder.refused() == f"The log of the data cannot be read: is a directory: {folder.log}. Nothing was changed."


def test_a_damaged_log_is_written_again(folder: Folder, old: Path) -> None:
    lines = folder.log.read_bytes().splitlines(keepends=True)
    folder.log.write_bytes(b"".join([*lines[:2], b"x\n", *lines[3:]]))
    folder.open().close()  # only its end is read
    assert repair_catalog(folder.settings) is not None
    assert repair_catalog(folder.settings) is None


def test_a_catalog_of_an_older_release_begins_the_log(folder: Folder, old: Path) -> None:
    """And its later copy from before the log is an older catalog."""
    with closing(folder.open()) as service:
        before = _known(service)
    folder.log.unlink()
    for path in (folder.settings.catalog, old):
        _done(path, "DELETE FROM log_entries")
    with closing(folder.open()) as service:
        assert _known(service) == before
    assert folder.log.read_text().count('"deleted"') == 2
    folder.put_back(old)
    _done(folder.settings.catalog, "DROP TABLE log_entries")
    assert "is older than the data" in folder.refused()
    folder.put_back(old)
    assert "is older than the data" in folder.refused()
    repair_catalog(folder.settings)
    with closing(folder.open()) as service:
        assert _known(service) == before


def test_a_copy_of_the_whole_folder_works(folder: Folder, old: Path, tmp_path: Path) -> None:
    copy = Folder(tmp_path / "copied")
    shutil.copytree(folder.home, copy.home)
    for each in (folder, copy):
        with closing(each.open()) as service:
            ana = service.accounts.local("ana")
            assert service.uploads.begin(ana, "birds", FILES).ref.number == 5


def test_a_removed_user_stays_removed(folder: Folder) -> None:
    """With all their versions, which were deleted with them."""
    with closing(folder.open()) as service:
        service.accounts.add("ana")
        ben, key = service.accounts.add("ben")
        theirs = [create(service, ben) for _ in range(2)]
        copy = folder.save()
        service.user_removal.remove("ben", "operator", delete_versions=True)
    folder.put_back(copy)
    assert "it lacks 2 deletions and the removal of 1 user." in folder.refused()
    repair_catalog(folder.settings)
    with closing(folder.open()) as service:
        assert [user.name for user in service.accounts.all()] == ["ana"]
        with pytest.raises(NotSignedIn):
            service.accounts.sign_in("ben", key)
        with service.context.catalog.read() as tx:
            found = [tx.versions.get(version_id) for version_id in theirs]
        assert [(one.phase, one.deleted_by) for one in found if one] == [(Phase.DELETED, "operator")] * 2


def test_a_new_log_has_the_names_of_removed_users(folder: Folder) -> None:
    with closing(folder.open()) as service:
        service.accounts.add("ana")
        service.accounts.add("ben")
        service.user_removal.remove("ben", "operator")
        with service.context.catalog.write() as tx:
            entries = tx.log.restart()
    assert [entry.record["name"] for entry in entries if "user" in entry.record] == ["ana", "ben"]


def test_versions_that_have_moved_to_another_owner_stay_there(folder: Folder) -> None:
    """As the versions of several users of an older release move to the one who owns the folder."""
    with closing(folder.open()) as service:
        users = [service.accounts.add(name)[0] for name in ("ana", "ben")]
        for user in users:
            service.deletion.delete(user, create(service, user))
            create(service, user)
        copy = folder.save()
        owner = service.accounts.local("eve")
        before = _known(service)
    folder.put_back(copy)
    assert "is older than the data" in (said := folder.refused())
    assert "it lacks the move of 2 versions to another owner." in said
    repair_catalog(folder.settings)
    with closing(folder.open()) as service:
        assert _known(service) == before
        assert service.accounts.local("eve") == owner
        assert service.uploads.begin(owner, "birds", FILES).ref.number == 3
        assert service.reading.quota(owner).used == 3
    assert repair_catalog(folder.settings) is None
