"""A user is removed with all that they have, or not at all; a later user of their name is somebody else."""

from __future__ import annotations

import pytest
from listed import listed
from manual_clock import Clock

from grid_datastores.catalog.versions import Versions
from grid_datastores.domain.errors import InUse, NotFound, NotSignedIn, Refusal
from grid_datastores.domain.lists import Selection, VersionList
from grid_datastores.domain.model import (
    EventKind,
    Phase,
    Source,
    SourceKind,
    User,
    Version,
    WorkloadKind,
    WorkloadState,
)
from grid_datastores.server.state import State
from grid_datastores.service import Service

FILES = Source(SourceKind.FILES, "/home/eve/a")
ARCHIVE = Source(SourceKind.ARCHIVE, "https://example.com/a.zip?key=SECRET")


@pytest.fixture
def eve(service: Service, ana: User) -> User:
    """A user besides Ana, who owns the folder."""
    return service.accounts.add("eve")[0]


def _version(service: Service, user: User, name: str = "data") -> str:
    version = service.uploads.create(user, name, FILES, ())
    return version.id


def _counts(service: Service, user: User) -> tuple[int, int]:
    return len(listed(service, user)), service.reading.quota(user).used


@pytest.mark.proves("removal-needs-no-versions-or-the-word")
def test_a_user_with_versions_stays_unless_their_deletion_is_asked_for(service: Service, eve: User) -> None:
    _version(service, eve)
    service.uploads.begin(eve, "other", ARCHIVE)
    with pytest.raises(Refusal, match=r"User eve has 2 versions.*grid user remove eve --delete-versions"):
        service.user_removal.remove("eve", "root")
    assert _counts(service, eve) == (2, 2)
    removed = service.user_removal.remove("eve", "root", delete_versions=True)
    assert [(str(version.ref), version.owner_id) for version in removed.versions] == [
        ("version 1 of data", eve.id),
        ("version 1 of other", eve.id),
    ]
    assert service.accounts.all() == [service.accounts.oldest()]


def test_others_can_write_while_the_versions_of_a_removed_user_are_read(
    service: Service, eve: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that appears meanwhile is deleted and reported, too."""
    of_owner = Versions.of_owner
    added: list[str] = []

    def read(versions: Versions, owner_id: str) -> list[Version]:
        found = of_owner(versions, owner_id)
        if not added:
            with service.context.catalog.write(at_once=True):  # it is refused if anybody writes
                pass
            added.append(_version(service, eve, "other"))
        return found

    first = _version(service, eve)
    monkeypatch.setattr(Versions, "of_owner", read)
    removed = service.user_removal.remove("eve", "root", delete_versions=True)
    assert [version.id for version in removed.versions] == [first, *added]


def test_downloads_of_a_removed_user_end(service: Service, eve: User) -> None:
    ended: list[str] = []
    with service.context.readers.reading(_version(service, eve), lambda: ended.append("data")):
        service.user_removal.remove("eve", "root", delete_versions=True)
        service.end_readers_of_deleted()
    assert ended == ["data"]


@pytest.mark.proves("removal-deletes-as-everywhere")
def test_the_versions_of_a_removed_user_are_deleted_as_every_version_is(service: Service, eve: User) -> None:
    data = _version(service, eve)
    fetched = service.uploads.begin(eve, "other", ARCHIVE).id
    service.user_removal.remove("eve", "root", delete_versions=True)
    assert service.context.storage.begun(data)  # erased after the commit, as every deleted version
    service.erase_deleted()
    for version_id in (data, fetched):
        assert not service.context.storage.begun(version_id)
        with service.context.catalog.read() as tx:
            version = tx.versions.get(version_id)
            assert version
            assert (version.phase, version.deleted_by) == (Phase.DELETED, "root")
            assert version.deleted_at
            assert version.bytes_gone_at
            assert tx.versions.fetch_url(version_id) is None
            assert [event.kind for event in tx.versions.history(version_id)][-2:] == [
                EventKind.DELETED,
                EventKind.BYTES_GONE,
            ]
            assert tx.versions.uploads(version_id) == []


@pytest.mark.proves("removal-refused-in-use")
def test_nothing_happens_while_a_version_is_in_use(service: Service, eve: User) -> None:
    held, free = _version(service, eve), _version(service, eve, "other")
    service.workloads.start(eve, WorkloadKind.SESSION, "tuning", {held: ""})
    token = service.accounts.new_token(eve)
    with pytest.raises(InUse, match=r"(?s)version 1 of data .* in use.*grid session delete tuning") as refused:
        service.user_removal.remove("eve", "root", delete_versions=True)
    assert refused.value.metadata == {"holders": "tuning"}
    assert _counts(service, eve) == (2, 2)
    assert service.accounts.of_token(token) == eve
    service.reading.get(eve, free)
    (session,) = service.workloads.list(eve, WorkloadKind.SESSION)
    service.workloads.set_state(eve, WorkloadKind.SESSION, session.id, WorkloadState.DELETED)
    service.user_removal.remove("eve", "root", delete_versions=True)


@pytest.mark.proves("removal-ends-all-access")
def test_all_access_of_a_removed_user_ends(service: Service, eve: User, clock: Clock) -> None:
    service.accounts.ensure_signing_key()
    state = State(service)
    _, key = service.accounts.new_key("eve")
    token, link, url_key = service.accounts.new_token(eve), state.links.new(eve), service.accounts.url_key(eve.id)
    assert url_key
    version = service.uploads.begin(eve, "data", FILES).id
    (upload,) = service.uploads.announce(eve, version, {"a": 1})
    part = service.uploads.part(upload.id, 1)
    target = part.__enter__()
    target.write(b"1")
    removed = service.user_removal.remove("eve", "root", delete_versions=True)
    assert removed.ended == 0
    for end in (
        lambda: service.accounts.sign_in("eve", key),
        lambda: service.accounts.sign_in(eve.id, key),
        lambda: service.accounts.of_token(token),
        lambda: state.links.use(link),
        lambda: service.accounts.get(eve.id),
        lambda: service.accounts.new_token(eve),  # of a request that began before
        lambda: service.uploads.begin(eve, "data", FILES),
        lambda: service.workloads.start(eve, WorkloadKind.SESSION, "tuning", {}),
    ):
        with pytest.raises(NotSignedIn):
            end()
    assert service.accounts.url_key(eve.id) is None
    with pytest.raises(Refusal):  # a part that was being sent does not count
        part.__exit__(None, None, None)
    with pytest.raises(NotFound):
        service.accounts.new_key("eve")


@pytest.mark.proves("removal-ends-sessions-and-runs")
def test_sessions_and_runs_of_a_removed_user_end(service: Service, eve: User, clock: Clock) -> None:
    version = _version(service, eve)
    run = service.workloads.start(eve, WorkloadKind.RUN, "train", {version: ""}, leased=True)
    service.workloads.start(eve, WorkloadKind.SESSION, "empty", {})
    clock.steady += 1000  # the lease expires, without a jump of the clock
    clock.now = clock.now.replace(year=clock.now.year + 1)
    clock.steady += (clock.now - Clock.now).total_seconds() - 1000
    removed = service.user_removal.remove("eve", "root", delete_versions=True)
    assert removed.ended == 2
    with pytest.raises(Refusal):
        service.workloads.heartbeat(eve, run.id)
    assert [item for kind in WorkloadKind for item in service.workloads.list(eve, kind)] == []


@pytest.mark.proves("same-name-is-another-user")
def test_a_later_user_of_the_same_name_sees_nothing_of_the_removed_one(service: Service, eve: User) -> None:
    old = _version(service, eve)
    _, old_key = service.accounts.new_key("eve")
    _version(service, eve, "other")
    token = service.accounts.new_token(eve)
    service.user_removal.remove("eve", "root", delete_versions=True)
    again, _key = service.accounts.add("eve")
    assert again.id != eve.id
    assert listed(service, again, deleted=True) == []
    assert service.reading.quota(again).used == 0
    with pytest.raises(NotFound):
        service.reading.get(again, old)
    for call in (lambda: service.accounts.sign_in("eve", old_key), lambda: service.accounts.of_token(token)):
        with pytest.raises(NotSignedIn):
            call()
    assert service.uploads.begin(again, "data", FILES).ref.number == 1
    shown = service.listing.versions(again, Selection(VersionList.DELETED), 1)
    assert (shown.versions, shown.failed) == ((), 0)
    with pytest.raises(NotFound, match="There is no datastore other"):
        service.listing.versions(again, Selection(name="other"), 1)
    service.user_removal.remove("eve", "root", delete_versions=True)
    assert [user.name for user in service.accounts.all()] == ["local"]


@pytest.mark.proves("who-cannot-be-removed")
def test_the_owner_of_the_folder_and_the_only_user_stay(service: Service, clock: Clock) -> None:
    service.accounts.ensure_signing_key()
    only, _ = service.accounts.add("admin")
    with pytest.raises(Refusal, match=r"User admin is the only user.*grid user add NAME"):
        service.user_removal.remove("admin", "root")
    owner = service.accounts.local("ana")
    assert owner != only
    with pytest.raises(Refusal, match=r"User local owns the versions.*grid user key local"):
        service.user_removal.remove("local", "root", delete_versions=True)
    service.user_removal.remove("admin", "root")
    assert [user.name for user in service.accounts.all()] == ["local"]
    with pytest.raises(NotFound, match="There is no user admin"):
        service.user_removal.remove("admin", "root")
