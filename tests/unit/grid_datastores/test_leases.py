"""Leases of Runs over clocks that jump, machines that sleep and servers that were away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from grid_datastores.domain.errors import InUse, NotThatState
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
from grid_datastores.settings import Limits, Settings
from grid_datastores.storage import Manifest

LEASE = 10  # seconds
RUN = WorkloadKind.RUN


class Time:
    """A clock on the wall, and a steady one that nobody sets."""

    wall = datetime(2026, 1, 1, tzinfo=UTC)
    steady = 1000.0

    def go(self, seconds: float) -> None:
        """Time passes."""
        self.steady += seconds
        self.jump(seconds)

    def jump(self, seconds: float) -> None:
        """The clock is set, or the machine slept."""
        self.wall += timedelta(seconds=seconds)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def service(tmp_path: Path, time: Time) -> Iterator[Service]:
    opened = _opened(tmp_path, time)
    yield opened
    opened.context.catalog.close()


def _opened(folder: Path, time: Time) -> Service:
    settings = Settings(folder, folder / "data" / "catalog.sqlite", Limits(lease=LEASE))
    return open_service(settings, lambda: None, lambda: time.wall, lambda: time.steady)


@pytest.fixture
def ana(service: Service) -> User:
    return service.accounts.local("ana")


@pytest.fixture
def version(service: Service, ana: User) -> Version:
    begun = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    with service.uploads.sink(ana, begun.id).object("o", 3) as target:
        target.write(b"abc")
    entry = FileEntry("a", 3, sha256(b"abc").hexdigest(), "o", 0)
    return service.uploads.publish(ana, begun.id, Manifest.of([entry]))


@pytest.fixture
def run(service: Service, ana: User, version: Version) -> Workload:
    return service.workloads.start(ana, RUN, "nightly", {version.id: ""}, leased=True)


def _state(service: Service, ana: User, run: Workload) -> WorkloadState:
    return service.workloads.get(ana, RUN, run.id).state


@pytest.mark.proves("absences-do-not-count")
@pytest.mark.parametrize("jump", [90.0, 86400.0, -86400.0])
def test_a_jump_of_the_clock_ends_no_run(
    service: Service, ana: User, version: Version, run: Workload, time: Time, jump: float
) -> None:
    time.jump(jump)
    with pytest.raises(InUse):  # also before the tidier has looked
        service.deletion.delete(ana, version.id)
    service.tidy()
    assert _state(service, ana, run) is WorkloadState.RUNNING
    assert service.workloads.get(ana, RUN, run.id).lease_until == time.wall + timedelta(seconds=LEASE)


def test_a_jump_is_forgiven_once(service: Service, ana: User, version: Version, run: Workload, time: Time) -> None:
    time.jump(90)
    service.tidy()
    time.go(LEASE + 1)
    service.tidy()
    assert _state(service, ana, run) is WorkloadState.FAILED
    service.deletion.delete(ana, version.id)


def test_a_clock_that_is_slowed_down_or_sped_up_has_not_jumped(
    service: Service, ana: User, run: Workload, time: Time
) -> None:
    for _second in range(LEASE + 1):
        time.go(1)
        time.jump(0.01)
        service.tidy()
    assert _state(service, ana, run) is WorkloadState.FAILED


@pytest.mark.proves("run-without-lease-holds-until-ended")
def test_a_heartbeat_gives_no_lease_to_a_run_without_one(
    service: Service, ana: User, version: Version, time: Time
) -> None:
    run = service.workloads.start(ana, RUN, "nightly", {version.id: ""})
    beaten = service.workloads.heartbeat(ana, run.id)
    assert (beaten.lease_until, beaten.lease_seconds) == (None, None)
    time.go(100 * LEASE)
    service.tidy()
    with pytest.raises(InUse):
        service.deletion.delete(ana, version.id)
    service.workloads.set_state(ana, RUN, run.id, WorkloadState.SUCCEEDED)
    with pytest.raises(NotThatState):
        service.workloads.heartbeat(ana, run.id)
    service.deletion.delete(ana, version.id)


@pytest.mark.proves("absences-do-not-count")
def test_who_was_away_gives_every_living_run_a_whole_lease(
    tmp_path: Path, service: Service, ana: User, version: Version, run: Workload, time: Time
) -> None:
    ended = service.workloads.start(ana, RUN, "ended", {version.id: ""}, leased=True)
    service.workloads.set_state(ana, RUN, ended.id, WorkloadState.SUCCEEDED)
    without = service.workloads.start(ana, RUN, "without", {version.id: ""})
    time.go(5 * LEASE)
    back = _opened(tmp_path, time)
    back.context.leases.renew()
    back.tidy()
    assert _state(back, ana, run) is WorkloadState.RUNNING
    assert _state(back, ana, ended) is WorkloadState.SUCCEEDED
    assert back.workloads.get(ana, RUN, without.id).lease_until is None
    time.go(LEASE + 1)
    back.tidy()
    assert _state(back, ana, run) is WorkloadState.FAILED
    back.context.catalog.close()


def test_who_was_away_gives_every_upload_its_whole_expiry(
    tmp_path: Path, service: Service, ana: User, time: Time
) -> None:
    upload = service.uploads.begin(ana, "more", Source(SourceKind.FILES, "data"))
    time.go(2 * 86400)
    back = _opened(tmp_path, time)
    back.context.leases.renew()
    back.tidy()
    assert back.reading.get(ana, upload.id).phase is Phase.UPLOADING
    time.go(86401)
    back.tidy()
    assert back.reading.get(ana, upload.id).phase is Phase.FAILED
    back.context.catalog.close()


def test_small_corrections_of_the_clock_do_not_add_up_to_a_jump(
    service: Service, ana: User, run: Workload, time: Time
) -> None:
    for _step in range(2 * LEASE + 2):
        time.go(0.5)
        time.jump(0.12)
        service.tidy()
    assert _state(service, ana, run) is WorkloadState.FAILED


def test_a_lease_that_was_given_by_a_clock_ahead_ends_as_any_other(
    tmp_path: Path, service: Service, ana: User, run: Workload, time: Time
) -> None:
    time.jump(-5 * 3600)
    back = _opened(tmp_path, time)  # it has not seen the clock jump
    back.tidy()
    assert back.workloads.get(ana, RUN, run.id).lease_until == time.wall + timedelta(seconds=LEASE)
    back.context.catalog.close()


@pytest.mark.parametrize("tidied", [False, True])
def test_a_heartbeat_brings_a_lapsed_run_back_while_its_version_is_there(
    service: Service, ana: User, version: Version, run: Workload, time: Time, tidied: bool
) -> None:
    time.go(LEASE + 1)
    if tidied:
        service.tidy()
        assert _state(service, ana, run) is WorkloadState.FAILED
    assert service.workloads.heartbeat(ana, run.id).state is WorkloadState.RUNNING
    with pytest.raises(InUse, match="Run nightly"):
        service.deletion.delete(ana, version.id)


@pytest.mark.parametrize("tidied", [False, True])
def test_no_heartbeat_brings_back_what_was_deleted(
    service: Service, ana: User, version: Version, run: Workload, time: Time, tidied: bool
) -> None:
    time.go(LEASE + 1)
    if tidied:
        service.tidy()
    service.deletion.delete(ana, version.id)
    before = _state(service, ana, run)
    with pytest.raises(NotThatState, match="no longer holds its versions"):
        service.workloads.heartbeat(ana, run.id)
    assert _state(service, ana, run) is before


@pytest.mark.parametrize("end", [WorkloadState.FAILED, WorkloadState.CANCELED, WorkloadState.SUCCEEDED])
def test_no_heartbeat_brings_back_a_run_that_has_ended(
    service: Service, ana: User, run: Workload, time: Time, end: WorkloadState
) -> None:
    service.workloads.set_state(ana, RUN, run.id, end)
    time.go(LEASE + 1)
    service.tidy()
    with pytest.raises(NotThatState, match="no longer holds its versions"):
        service.workloads.heartbeat(ana, run.id)
    assert _state(service, ana, run) is end
