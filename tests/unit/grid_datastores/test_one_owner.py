"""A folder has one owner; one that an older release filled with several gets one, and nothing of it is lost."""

from __future__ import annotations

import os
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from listed import listed
from manual_clock import Clock

from grid_datastores.domain.errors import InUse
from grid_datastores.domain.model import (
    FileEntry,
    Phase,
    Source,
    SourceKind,
    User,
    Version,
    VersionRef,
    WorkloadKind,
    WorkloadState,
)
from grid_datastores.domain.naming import MAX_NAME_LENGTH, check_name, unique_name
from grid_datastores.gateway.embedded import open_embedded
from grid_datastores.service import Service, open_service
from grid_datastores.service.owner import former_name
from grid_datastores.settings import Limits, Settings
from grid_datastores.storage import Manifest

SESSION = WorkloadKind.SESSION


@pytest.fixture
def ana() -> None:
    """Nobody yet: these tests are about who comes first."""


@pytest.fixture(autouse=True)
def notes_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


def _user(service: Service, clock: Clock, name: str) -> User:
    """A user as older releases made one for each name of the operating system."""
    clock.go(1)
    return service.accounts.add(name)[0]


def _version(service: Service, user: User, name: str = "set") -> Version:
    content = f"{user.name}-{name}".encode()
    begun = service.uploads.begin(user, name, Source(SourceKind.FILES, "data"))
    with service.uploads.sink(user, begun.id).object("o", len(content)) as target:
        target.write(content)
    entry = FileEntry("a", len(content), sha256(content).hexdigest(), "o", 0)
    return service.uploads.publish(user, begun.id, Manifest.of([entry]))


def _refs(service: Service, user: User) -> list[str]:
    return [f"{v.ref.name} {v.ref.number}" for v in listed(service, user)]


@pytest.mark.proves("folder-has-one-owner")
def test_everybody_at_a_machine_is_the_owner_and_the_history_says_who_it_was(service: Service) -> None:
    first, second = service.accounts.local("first.last"), service.accounts.local("first.other")
    assert (first.id, first.name, second.name) == (second.id, "first.last", "first.other")
    version = _version(service, first)
    assert _refs(service, second) == ["set 1"]
    service.deletion.delete(second, version.id)
    details = service.reading.details(first, version.id)
    assert details.version.deleted_by == "first.other"
    assert [event.actor for event in details.history] == ["first.last", "first.last", "first.other"]
    assert [user.name for user in service.accounts.all()] == ["local"]


def test_a_person_whom_the_operating_system_has_no_name_for_is_the_owner_too(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = _version(service, service.accounts.local("ana"))
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    settings = Settings(tmp_path, tmp_path / "data" / "catalog.sqlite", Limits())
    with closing(open_embedded(settings)) as unnamed:
        assert [version.id for version in unnamed.versions()] == [begun.id]
        unnamed.delete(begun.ref)
        assert unnamed.find(begun.ref).deleted_by == "uid 54321"


@pytest.mark.parametrize("served", [False, True])
def test_a_user_who_was_added_for_a_server_is_not_the_owner(service: Service, clock: Clock, served: bool) -> None:
    if served:
        service.accounts.ensure_signing_key()
    ben = _user(service, clock, "ben")
    owner = service.accounts.local("somebody")
    _version(service, owner)
    assert owner.id != ben.id
    assert _refs(service, ben) == []
    assert [user.name for user in service.accounts.all()] == ["ben", "local"]


def test_a_user_without_versions_is_the_owner_only_by_name(service: Service, clock: Clock) -> None:
    _user(service, clock, "added")
    own = _user(service, clock, "ben")
    assert service.accounts.local("Ben.01") == User(own.id, "Ben.01")


@pytest.mark.parametrize(
    ("person", "name"),
    [
        ("student.01", "student"),
        ("anna.v2", "anna"),
        ("a.b.gz", "a-b"),
        ("a.tar.gz", "a"),
        ("Ana", "ana"),
        ("DOMAIN/ana", "ana"),
        ("j.safetensors", "j-safetensors"),
        ("a b", "a-b"),
        ("_", "local"),
        (".dotted", "local"),
        ("a" * 70, "a" * 63),
    ],
)
def test_the_former_name_of_a_person_stays_as_it_was(person: str, name: str) -> None:
    assert former_name(person) == name


def test_a_folder_that_cannot_be_written_lists_what_its_owner_will_have(
    tmp_path: Path, service: Service, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = _user(service, clock, "user1"), _user(service, clock, "user2")
    _version(service, one)
    _version(service, two)
    frozen = _frozen(tmp_path)
    assert frozen.accounts.local("somebody") == User(one.id, "somebody")
    (said,) = caplog.messages
    assert "The versions of user2 are not shown" in said
    assert said.endswith("grid datastore")
    frozen.context.catalog.close()
    assert service.accounts.local("somebody").id == one.id


def test_a_folder_that_cannot_be_written_and_has_no_owner_yet_lists_nothing(
    tmp_path: Path, service: Service, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    service.accounts.ensure_signing_key()
    ben = _user(service, clock, "ben")
    _version(service, ben)
    frozen = _frozen(tmp_path)
    owner = frozen.accounts.local("somebody")
    assert _refs(frozen, owner) == []
    assert "The versions of ben in this folder are available only through its server" in caplog.text
    frozen.context.catalog.close()


def _frozen(folder: Path) -> Service:
    settings = Settings(folder, folder / "data" / "catalog.sqlite", Limits())
    return open_service(settings, lambda: None, read_only=True)


def test_the_one_user_with_versions_is_the_owner(
    service: Service, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    old = _user(service, clock, "user1")
    _version(service, old)
    assert service.accounts.local("user2") == User(old.id, "user2")
    assert caplog.messages == []


@pytest.mark.proves("moved-with-the-previous-owner", "versions-of-several-people-merged")
def test_the_versions_of_several_users_get_one_owner_and_none_is_lost(
    service: Service, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = _user(service, clock, "user1"), _user(service, clock, "user2")
    kept, renamed, alone = _version(service, one), _version(service, two), _version(service, two, "other")
    deleted = service.deletion.delete(one, kept.id)
    assert deleted
    service.accounts.local("user2")
    owner = service.accounts.local("somebody")
    assert owner.id == one.id
    assert _refs(service, owner) == ["other 1", "set-user2 1"]
    for before in (renamed, alone):
        after = service.reading.get(owner, before.id)
        assert (after.ref.number, after.fingerprint) == (before.ref.number, before.fingerprint)
        moved = service.reading.details(owner, before.id).history[-1]
        assert (moved.actor, moved.kind.value) == ("user2", "moved")
        assert moved.message == f"from user2, where it was version 1 of {before.ref.name}"
    assert caplog.messages == ["2 versions of user2 are now yours: set 1 is now set-user2 1."]
    assert service.reading.find(owner, VersionRef("set", 1)).phase is Phase.DELETED
    assert service.reading.quota(owner).used == 2


def test_numbers_go_on_where_they_were(service: Service, clock: Clock) -> None:
    one, two = _user(service, clock, "user1"), _user(service, clock, "user2")
    _version(service, one)
    first = _version(service, two)
    service.deletion.delete(two, first.id)
    owner = service.accounts.local("user1")
    second = _version(service, owner, "set-user2")
    assert second.ref.number == 2
    service.deletion.delete(owner, second.id)
    assert _version(service, owner, "set").ref.number == 2


def test_an_upload_that_was_begun_as_another_user_goes_on(service: Service, clock: Clock) -> None:
    one, two = _user(service, clock, "user1"), _user(service, clock, "user2")
    _version(service, one)
    begun = service.uploads.begin(two, "set", Source(SourceKind.FILES, "data"))
    owner = service.accounts.local("user2")
    with service.uploads.sink(owner, begun.id).object("o", 1) as target:
        target.write(b"1")
    entry = FileEntry("a", 1, sha256(b"1").hexdigest(), "o", 0)
    assert service.uploads.publish(owner, begun.id, Manifest.of([entry])).phase is Phase.AVAILABLE


def test_what_a_workload_of_another_user_holds_it_holds_on(service: Service, clock: Clock) -> None:
    one, two = _user(service, clock, "user1"), _user(service, clock, "user2")
    ones, twos = _version(service, one), _version(service, two)
    service.workloads.start(one, SESSION, "tuning", {ones.id: ""})
    service.workloads.start(two, SESSION, "tuning", {twos.id: ""})
    owner = service.accounts.local("user1")
    for version, session in ((ones, "tuning"), (twos, "tuning-user2")):
        with pytest.raises(InUse, match=f"Session {session}"):
            service.deletion.delete(owner, version.id)
        held = service.workloads.named(owner, SESSION, session)
        service.workloads.set_state(owner, SESSION, held.id, WorkloadState.DELETED)
        service.deletion.delete(owner, version.id)


def test_users_without_versions_change_nothing(
    service: Service, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    _user(service, clock, "added")
    old = _user(service, clock, "user1")
    version = _version(service, old)
    assert service.accounts.local("somebody").id == old.id
    assert service.reading.details(old, version.id).history[-1].kind.value == "uploaded"
    assert caplog.messages == []


def test_the_users_of_a_server_are_never_merged(
    service: Service, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    service.accounts.ensure_signing_key()
    admin, ben = _user(service, clock, "admin"), _user(service, clock, "ben")
    versions = {user.name: _version(service, user) for user in (admin, ben)}
    owner = service.accounts.local("somebody")
    assert owner.id not in (admin.id, ben.id)
    assert _refs(service, owner) == []
    assert [service.reading.get(user, versions[user.name].id).ref for user in (admin, ben)] == [
        VersionRef("set", 1)
    ] * 2
    (said,) = caplog.messages
    assert "The versions of admin, ben in this folder are available only through its server" in said
    assert said.endswith("grid user key NAME")
    caplog.clear()
    assert service.accounts.local("ben").id == owner.id, "it is decided once"
    assert caplog.messages == []


def test_who_has_the_name_of_a_user_of_the_server_stays_that_user(
    service: Service, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    service.accounts.ensure_signing_key()
    _user(service, clock, "admin")
    first = _user(service, clock, "first")
    _version(service, first)
    assert service.accounts.local("first.last") == User(first.id, "first.last")
    assert caplog.messages == []


def test_a_user_of_the_server_who_is_called_local_is_not_taken_over(service: Service, clock: Clock) -> None:
    service.accounts.ensure_signing_key()
    _user(service, clock, "admin")
    local = _user(service, clock, "local")
    owner = service.accounts.local("somebody")
    assert owner.id != local.id
    assert {user.name for user in service.accounts.all()} == {"admin", "local", "local-owner"}


def test_who_only_looks_decides_nothing(service: Service, clock: Clock) -> None:
    assert service.accounts.find_local("user1") is None
    one, two = _user(service, clock, "user1"), _user(service, clock, "user2")
    assert service.accounts.find_local("user2") == User(two.id, "user2")
    assert service.accounts.find_local("user3") is None
    _version(service, one)
    owner = service.accounts.local("user2")
    assert service.accounts.find_local("user3") == User(owner.id, "user3")


@pytest.mark.parametrize("name", ["a", "a" * MAX_NAME_LENGTH, "a-" * 31 + "a"])
@pytest.mark.parametrize("owner", ["b", "b" * MAX_NAME_LENGTH, "b-" * 31 + "b"])
def test_names_are_kept_apart_by_valid_names(name: str, owner: str) -> None:
    taken: set[str] = set()
    for _ in range(12):
        apart = unique_name(name, owner, taken)
        assert check_name(apart) not in taken
        taken.add(apart)
    assert unique_name(name, owner, ()) == name
