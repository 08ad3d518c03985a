"""A lease and an expiry have the length that they began with, whatever another process is set to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import md5, sha256
from pathlib import Path
from threading import Event

import pytest
from manual_clock import Clock

from acceptance.waiting import wait_until
from grid_datastores.catalog import schema
from grid_datastores.catalog.versions import Versions
from grid_datastores.domain.errors import CatalogFailed, Damaged, NoSpace, Refusal
from grid_datastores.domain.model import (
    FileEntry,
    Phase,
    Source,
    SourceKind,
    User,
    Version,
    Workload,
    WorkloadKind,
    WorkloadState,
)
from grid_datastores.service import Service, open_service
from grid_datastores.service.activity import Activity
from grid_datastores.service.uploads import CompletedObject
from grid_datastores.settings import Limits, Settings
from grid_datastores.storage import LocalStorage, Manifest

LONG = Limits(lease=600, upload_expiry=86400)
SHORT = Limits(lease=1, upload_expiry=1)
FILES = Source(SourceKind.FILES, "data")


def _opened(folder: Path, clock: Clock, limits: Limits, boot: str = "boot") -> Service:
    settings = Settings(folder, folder / "data" / "catalog.sqlite", limits)
    return open_service(settings, lambda: None, clock, lambda: clock.steady, boot)


@pytest.fixture
def server(tmp_path: Path, clock: Clock) -> Iterator[Service]:
    """A process with long times."""
    opened = _opened(tmp_path, clock, LONG)
    yield opened
    opened.context.catalog.close()


@pytest.fixture
def command(tmp_path: Path, clock: Clock, server: Service) -> Iterator[Service]:
    """Another process on the same folder, with short ones."""
    opened = _opened(tmp_path, clock, SHORT)
    yield opened
    opened.context.catalog.close()


@pytest.fixture
def ana(server: Service) -> User:
    return server.accounts.local("ana")


@pytest.fixture
def run(server: Service, ana: User) -> Workload:
    return server.workloads.start(ana, WorkloadKind.RUN, "nightly", {}, leased=True)


@pytest.fixture
def upload(server: Service, ana: User) -> Version:
    return server.uploads.begin(ana, "data", FILES)


def _until(service: Service, ana: User, run: Workload) -> datetime | None:
    return service.workloads.get(ana, WorkloadKind.RUN, run.id).lease_until


def _active_at(service: Service, version: Version) -> datetime:
    table = schema.versions
    with service.context.catalog.read() as tx:
        found: datetime = tx.versions._connection.execute(
            table.select().with_only_columns(table.c.active_at).where(table.c.id == version.id)
        ).scalar_one()
    return found


@pytest.mark.proves("times-are-in-seconds")
def test_a_process_with_a_shorter_lease_cuts_none(
    server: Service, command: Service, ana: User, run: Workload, clock: Clock
) -> None:
    clock.go(300)
    command.tidy()
    assert _until(server, ana, run) == run.lease_until == run.created_at + timedelta(seconds=600)


def test_a_process_with_another_lease_renews_by_the_length_of_the_run(
    server: Service, command: Service, ana: User, run: Workload, clock: Clock
) -> None:
    clock.go(10)
    assert command.workloads.heartbeat(ana, run.id).lease_until == clock() + timedelta(seconds=600)
    clock.go(10)
    command.context.leases.renew()
    assert _until(server, ana, run) == clock() + timedelta(seconds=600)
    clock.go(601)
    command.tidy(lambda _run: True)  # its process is known to live
    assert _until(server, ana, run) == clock() + timedelta(seconds=600)
    clock.go(601)
    command.tidy()
    assert server.workloads.get(ana, WorkloadKind.RUN, run.id).state is WorkloadState.FAILED


@pytest.mark.proves("expiry-is-that-of-the-beginning")
def test_a_process_with_a_shorter_expiry_drops_no_upload(
    server: Service, command: Service, ana: User, upload: Version, clock: Clock
) -> None:
    clock.go(86400)
    command.tidy()
    assert server.reading.get(ana, upload.id).phase is Phase.UPLOADING
    clock.go(1)
    command.tidy()
    assert server.reading.get(ana, upload.id).phase is Phase.FAILED


@pytest.mark.proves("expiry-is-that-of-the-beginning", "times-are-in-seconds")
def test_a_process_with_a_longer_expiry_drops_an_upload_in_its_time(
    server: Service, command: Service, ana: User, clock: Clock
) -> None:
    upload = command.uploads.begin(ana, "data", FILES)
    clock.go(2)
    server.tidy()
    assert server.reading.get(ana, upload.id).phase is Phase.FAILED


@pytest.mark.parametrize("jump", [3 * 86400.0, -3 * 86400.0])
def test_a_jump_of_the_clock_before_a_command_starts_ends_nothing(
    tmp_path: Path, server: Service, ana: User, run: Workload, upload: Version, clock: Clock, jump: float
) -> None:
    """Only the catalog can tell the command that the clock was different."""
    server.tidy()
    clock.jump(jump)
    later = _opened(tmp_path, clock, SHORT)
    later.tidy()
    later.context.catalog.close()
    assert server.reading.get(ana, upload.id).phase is Phase.UPLOADING
    assert _until(server, ana, run) == clock() + timedelta(seconds=600)


def test_a_jump_is_forgiven_once(tmp_path: Path, server: Service, ana: User, upload: Version, clock: Clock) -> None:
    server.tidy()
    clock.jump(3 * 86400)
    for _ in range(2):
        later = _opened(tmp_path, clock, SHORT)
        later.tidy()
        later.context.catalog.close()
        assert server.reading.get(ana, upload.id).phase is Phase.UPLOADING
        clock.go(0.9 * 86400)
    server.tidy()
    assert server.reading.get(ana, upload.id).phase is Phase.FAILED


@pytest.mark.proves("time-off-does-not-count")
def test_after_a_reboot_the_time_counts_in_which_the_machine_runs(
    tmp_path: Path, server: Service, ana: User, upload: Version, clock: Clock
) -> None:
    """How long it was off, only the wall clock says."""
    clock.go(0.5 * 86400)
    server.tidy()
    clock.jump(365 * 86400)
    clock.steady = 0.4 * 86400
    for seconds, phase in ((0, Phase.UPLOADING), (0.2 * 86400, Phase.FAILED)):
        clock.go(seconds)
        rebooted = _opened(tmp_path, clock, SHORT, "another boot")
        rebooted.tidy()
        rebooted.context.catalog.close()
        assert server.reading.get(ana, upload.id).phase is phase


def test_a_folder_from_another_machine_has_not_lived_as_long_as_this_one_runs(
    tmp_path: Path, server: Service, ana: User, upload: Version, clock: Clock
) -> None:
    clock.go(600)
    clock.steady = 300 * 86400
    moved = _opened(tmp_path, clock, SHORT, "another machine")
    moved.tidy()
    moved.context.catalog.close()
    assert server.reading.get(ana, upload.id).phase is Phase.UPLOADING


def test_without_a_boot_a_process_notices_what_it_sees(tmp_path: Path, clock: Clock) -> None:
    alone = _opened(tmp_path, clock, LONG, "")
    ana = alone.accounts.local("ana")
    upload = alone.uploads.begin(ana, "data", FILES)
    clock.jump(3 * 86400)
    alone.tidy()
    assert alone.reading.get(ana, upload.id).phase is Phase.UPLOADING
    alone.context.catalog.close()


def test_the_clock_is_stored_when_it_has_changed(server: Service, command: Service, clock: Clock) -> None:
    def changes() -> int:
        with server.context.catalog.read() as tx:
            return int(tx.versions._connection.exec_driver_sql("PRAGMA data_version").scalar_one())

    command.tidy()
    before = changes()
    clock.go(1)
    command.tidy()
    assert changes() == before
    clock.jump(100)
    command.tidy()
    assert changes() != before


def test_an_upload_is_active_while_the_bytes_of_one_object_arrive(service: Service, clock: Clock) -> None:
    own = service.accounts.local("ana")
    version = service.uploads.begin(own, "data", FILES)
    with service.uploads.sink(own, version.id).object("o", None) as target:
        for _ in range(20):
            clock.go(0.3 * clock.expiry)
            target.write(b"1")
            clock.go(0.3 * clock.expiry)
            service.tidy()
    assert service.reading.get(own, version.id).phase is Phase.UPLOADING


def test_an_upload_is_active_while_the_bytes_of_one_part_arrive(service: Service, clock: Clock) -> None:
    own = service.accounts.local("ana")
    version = service.uploads.begin(own, "data", FILES)
    (upload,) = service.uploads.announce(own, version.id, {"a.csv": 1})
    with service.uploads.part(upload.id, 1) as target:
        for _ in range(20):
            clock.go(0.3 * clock.expiry)
            target.write(b"1")
            clock.go(0.3 * clock.expiry)
            service.tidy()
    assert service.reading.get(own, version.id).phase is Phase.UPLOADING


def test_activity_is_written_four_times_a_period(service: Service, clock: Clock) -> None:
    own = service.accounts.local("ana")
    version = service.uploads.begin(own, "data", FILES)
    seen = set()
    with service.uploads.sink(own, version.id).object("o", None) as target:
        for _ in range(100):
            clock.go(clock.expiry / 100)
            target.write(b"1")
            seen.add(_active_at(service, version))
    assert len(seen) == 5, "once at the beginning, and four times"


def test_an_upload_is_active_while_its_stored_bytes_are_read(tmp_path: Path, clock: Clock) -> None:
    service = _opened(tmp_path, clock, SHORT)
    ana = service.accounts.local("ana")
    version = service.uploads.begin(ana, "data", FILES)
    with Activity(service.context, version.id).keep_alive():
        for _ in range(3):
            clock.go(0.9)
            wait_until(lambda: _active_at(service, version) == clock(), "it is active")
            service.tidy()
    assert service.reading.get(ana, version.id).phase is Phase.UPLOADING
    service.context.catalog.close()


def test_reading_what_was_stored_long_ago_makes_the_upload_active_at_once(service: Service, clock: Clock) -> None:
    own = service.accounts.local("ana")
    version = service.uploads.begin(own, "data", FILES)
    clock.go(0.9 * clock.expiry)
    with Activity(service.context, version.id).keep_alive():
        clock.go(0.15 * clock.expiry)
        service.tidy()
    assert service.reading.get(own, version.id).phase is Phase.UPLOADING


def test_the_first_bytes_after_a_pause_make_the_upload_active(service: Service, clock: Clock) -> None:
    own = service.accounts.local("ana")
    version = service.uploads.begin(own, "data", FILES)
    clock.go(0.9 * clock.expiry)
    service.uploads.activity(own, version.id).record()
    assert _active_at(service, version) == clock()


@pytest.mark.parametrize("refusal", [CatalogFailed, NoSpace, Damaged])
def test_activity_that_cannot_be_written_is_written_the_next_time(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, refusal: type[Refusal]
) -> None:
    service = _opened(tmp_path, clock, SHORT)
    version = service.uploads.begin(service.accounts.local("ana"), "data", FILES)
    refused = Event()

    def refuse(*_given: object) -> None:
        refused.set()
        raise refusal("not now")

    with Activity(service.context, version.id).keep_alive():
        with monkeypatch.context() as failing:
            failing.setattr(Versions, "mark_active", refuse)
            clock.go(0.9)
            wait_until(refused.is_set, "a refresh was refused")
        wait_until(lambda: _active_at(service, version) == clock(), "a later refresh got through")
    service.context.catalog.close()


@pytest.mark.parametrize("reading", ["assemble", "stored_parts", "publish"])
def test_nothing_expires_while_the_parts_of_an_upload_are_read(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, reading: str
) -> None:
    """The storage takes longer than the expiry to read what it holds."""
    service = _opened(tmp_path, clock, SHORT)
    ana = service.accounts.local("ana")
    version = service.uploads.begin(ana, "data", FILES)
    (upload,) = service.uploads.announce(ana, version.id, {"a.csv": 2})
    for number in (1, 2):
        with service.uploads.part(upload.id, number) as target:
            target.write(b"1")
    with service.uploads.sink(ana, version.id).object("o", 1) as target:
        target.write(b"1")
    read = getattr(LocalStorage, reading)

    def slowly(*given: object) -> object:
        clock.go(0.9)
        wait_until(lambda: _active_at(service, version) == clock(), "it is active")
        clock.go(0.9)
        service.tidy()
        return read(*given)

    monkeypatch.setattr(LocalStorage, reading, slowly)
    if reading == "publish":
        entry = FileEntry("a", 1, sha256(b"1").hexdigest(), "o", 0)
        assert service.uploads.publish(ana, version.id, Manifest.of([entry])).phase is Phase.AVAILABLE
    elif reading == "assemble":
        etag = md5(b"1", usedforsecurity=False).hexdigest()
        done = CompletedObject("a.csv", upload.id, {1: etag, 2: etag})
        service.uploads.complete_objects(ana, version.id, [done])
    else:
        service.uploads.stored_parts(version.id, [upload])
    assert service.reading.get(ana, version.id).phase is not Phase.FAILED
    service.context.catalog.close()
