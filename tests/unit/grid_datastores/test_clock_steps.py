"""The clock of one of two processes steps: nothing ends or is erased earlier for that, and nothing lives for ever."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from manual_clock import Clock

from grid_datastores.catalog import schema
from grid_datastores.catalog.facts import LEASE_CLOCK
from grid_datastores.domain.errors import InUse, NotSignedIn, NotThatState
from grid_datastores.domain.model import (
    Phase,
    Source,
    SourceKind,
    User,
    Version,
    Workload,
    WorkloadKind,
    WorkloadState,
)
from grid_datastores.server.state import State
from grid_datastores.service import Service, open_service
from grid_datastores.service.accounts import TOKEN_LIFETIME
from grid_datastores.settings import Limits, Settings
from grid_datastores.system import clock as system_clock
from grid_datastores.system.clock import running_time

LEASE = 60  # seconds
HOUR = 3600.0
FILES = Source(SourceKind.FILES, "data")
RUN = WorkloadKind.RUN


def _opened(folder: Path, clock: Clock, boot: str = "boot") -> Service:
    settings = Settings(folder, folder / "data" / "catalog.sqlite", Limits(lease=LEASE))
    return open_service(settings, lambda: None, clock, lambda: clock.steady, boot)


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Iterator[Service]:
    opened = _opened(tmp_path, clock)
    yield opened
    opened.close()


@pytest.fixture(params=[HOUR, -HOUR, 25 * HOUR, -25 * HOUR], ids=["1 h ahead", "1 h back", "25 h ahead", "25 h back"])
def stepped(request: pytest.FixtureRequest, tmp_path: Path, service: Service) -> Iterator[Service]:
    """Another process on the same folder, whose clock was set."""
    clock = Clock()
    clock.jump(request.param)
    opened = _opened(tmp_path, clock)
    yield opened
    opened.close()


@pytest.fixture
def version(service: Service, ana: User) -> Version:
    with service.uploads.temporary_file():
        return service.uploads.create(ana, "data", FILES, [_File()])


class _File:
    path, size, executable, modified = "a", 3, False, None

    def chunks(self) -> Iterator[bytes]:
        yield b"abc"


@pytest.fixture
def run(service: Service, ana: User, version: Version) -> Workload:
    return service.workloads.start(ana, RUN, "nightly", {version.id: ""}, leased=True)


def _state(service: Service, ana: User, run: Workload) -> WorkloadState:
    return service.workloads.get(ana, RUN, run.id).state


@pytest.mark.proves("leases-survive-clock-steps")
def test_a_process_whose_clock_was_set_deletes_nothing_beside_a_living_run(
    service: Service, stepped: Service, ana: User, version: Version, run: Workload
) -> None:
    """Whichever of the two has written last."""
    for _ in range(2):
        service.workloads.heartbeat(ana, run.id)
        with pytest.raises(InUse):
            stepped.deletion.delete(ana, version.id)
        assert stepped.deletion.verdict(ana, version.id).refusal
        assert stepped.reading.details(ana, version.id).holders
        assert not stepped.reading.unused(ana, limit=1).count
        stepped.tidy()
        assert _state(service, ana, run) is WorkloadState.RUNNING


@pytest.mark.proves("leases-survive-clock-steps")
def test_a_run_whose_clock_was_set_is_not_given_up(
    service: Service, stepped: Service, ana: User, version: Version, run: Workload
) -> None:
    stepped.workloads.heartbeat(ana, run.id)
    service.tidy()
    assert _state(service, ana, run) is WorkloadState.RUNNING
    with pytest.raises(InUse):
        service.deletion.delete(ana, version.id)


@pytest.mark.proves("leases-survive-clock-steps")
@pytest.mark.parametrize("jump", [25 * HOUR, -25 * HOUR])
def test_a_dead_run_is_given_up_in_its_time_whatever_the_clock_says(
    service: Service, clock: Clock, ana: User, version: Version, run: Workload, jump: float
) -> None:
    clock.go(LEASE / 2)
    clock.jump(jump)
    shown = service.workloads.get(ana, RUN, run.id).lease_until
    assert shown == clock() + timedelta(seconds=LEASE / 2)
    clock.go(LEASE / 2)
    service.tidy()
    assert _state(service, ana, run) is WorkloadState.FAILED
    service.deletion.delete(ana, version.id)


def test_a_heartbeat_revives_no_run_that_was_ended_after_the_clock_was_set(
    service: Service, clock: Clock, ana: User, run: Workload
) -> None:
    clock.jump(HOUR)
    service.workloads.set_state(ana, RUN, run.id, WorkloadState.FAILED)
    with pytest.raises(NotThatState):
        service.workloads.heartbeat(ana, run.id)


@pytest.mark.proves("uploads-survive-clock-steps")
def test_an_upload_is_there_whatever_the_clock_says(
    service: Service, stepped: Service, clock: Clock, ana: User
) -> None:
    upload = service.uploads.begin(ana, "more", FILES)
    for _ in range(2):
        stepped.tidy()
        service.tidy()
        assert service.reading.get(ana, upload.id).phase is Phase.UPLOADING
    stepped.uploads.activity(ana, upload.id).record()
    with stepped.uploads.sink(ana, upload.id).object("o", 3) as target:
        target.write(b"abc")


@pytest.mark.proves("uploads-survive-clock-steps")
@pytest.mark.parametrize("jump", [25 * HOUR, -25 * HOUR])
def test_an_upload_expires_in_its_time_whatever_the_clock_says(
    service: Service, clock: Clock, ana: User, jump: float
) -> None:
    upload = service.uploads.begin(ana, "more", FILES)
    clock.go(86400)
    clock.jump(jump)
    service.tidy()
    assert service.reading.get(ana, upload.id).phase is Phase.UPLOADING
    clock.go(1)
    service.tidy()
    assert service.reading.get(ana, upload.id).phase is Phase.FAILED


def test_what_a_release_gave_by_the_wall_clock_begins_anew(
    tmp_path: Path, service: Service, clock: Clock, ana: User, run: Workload
) -> None:
    upload = service.uploads.begin(ana, "more", FILES)
    with service.context.catalog.write() as tx:
        assert tx.facts.get(LEASE_CLOCK)
        tx.versions._connection.execute(schema.settings.delete().where(schema.settings.c.key == LEASE_CLOCK))
    clock.jump(25 * HOUR)
    later = _opened(tmp_path, clock)
    later.tidy()
    assert later.reading.get(ana, upload.id).phase is Phase.UPLOADING
    assert later.workloads.get(ana, RUN, run.id).lease_until == clock() + timedelta(seconds=LEASE)
    later.close()


def test_a_running_time_that_goes_back_ends_nothing(service: Service, clock: Clock, ana: User, run: Workload) -> None:
    """A machine was put back to a snapshot of it, and the folder lay elsewhere."""
    clock.steady -= 500
    for _ in range(2):
        service.tidy()
        assert _state(service, ana, run) is WorkloadState.RUNNING
        clock.steady += 500


def test_without_a_boot_a_smaller_running_time_shows_a_reboot(tmp_path: Path, clock: Clock) -> None:
    service = _opened(tmp_path, clock, "")
    ana = service.accounts.local("ana")
    upload = service.uploads.begin(ana, "more", FILES)
    for steady, phase in ((0.0, Phase.UPLOADING), (86401.0, Phase.FAILED)):
        clock.steady = steady
        clock.jump(86401)
        service.tidy()
        assert service.reading.get(ana, upload.id).phase is phase
    service.close()


@pytest.mark.proves("addresses-do-not-outlive-clock-steps")
def test_a_clock_that_is_set_back_makes_no_session_and_no_address_live_longer(
    tmp_path: Path, service: Service, clock: Clock
) -> None:
    user, _key = service.accounts.add("ben")
    service.accounts.ensure_signing_key()
    clock.jump(25 * HOUR)  # the clock was wrong, and is put right below
    token = service.accounts.new_token(user)
    clock.jump(-25 * HOUR)
    state = State(service)
    path, _, query = state.signer(user.id).sign("/v1/x", {}, service.now() + TOKEN_LIFETIME).partition("?")
    expires, signature = (field.partition("=")[2] for field in query.split("&"))

    clock.go(TOKEN_LIFETIME.total_seconds() - 1)
    assert service.accounts.of_token(token) == user
    state.check(user.id, path, {}, expires, signature)
    service.tidy()
    clock.jump(-HOUR)
    clock.go(2)
    again = _opened(tmp_path, clock)
    with pytest.raises(NotSignedIn):
        again.accounts.of_token(token)
    with pytest.raises(NotSignedIn):
        State(again).check(user.id, path, {}, expires, signature)
    again.close()


@pytest.mark.proves("forward-step-ends-sessions")
def test_a_clock_that_is_set_forward_ends_sessions(service: Service, clock: Clock) -> None:
    user, _key = service.accounts.add("ben")
    token = service.accounts.new_token(user)
    clock.jump(TOKEN_LIFETIME.total_seconds())
    with pytest.raises(NotSignedIn):
        service.accounts.of_token(token)


@pytest.mark.proves("history-is-in-order")
def test_the_history_is_in_the_order_of_what_happened(
    service: Service, clock: Clock, ana: User, version: Version
) -> None:
    clock.jump(-25 * HOUR)
    service.deletion.delete(ana, version.id)
    history = service.reading.details(ana, version.id).history
    assert [event.kind.value for event in history] == ["created", "uploaded", "deleted"]
    assert history[-1].at == clock() < history[0].at


@pytest.mark.proves("the-link-is-of-the-oldest-user")
def test_the_oldest_user_stays_the_one_who_was_added_first(service: Service, clock: Clock) -> None:
    ben, _key = service.accounts.add("ben")
    clock.jump(-HOUR)
    service.accounts.add("cleo")
    assert service.accounts.oldest() == ben


def test_a_reading_is_stored_seldom(service: Service, clock: Clock) -> None:
    def stored() -> object:
        with service.context.catalog.read() as tx:
            return json.loads(tx.facts.get(LEASE_CLOCK) or "")["running"]

    service.tidy()
    begun = stored()
    clock.go(15 * 60)
    service.tidy()
    assert stored() == begun
    clock.go(1)
    service.now()  # it is asked for each request, which must not wait for a writer
    assert stored() == begun
    service.tidy()
    assert stored() == clock.steady


@pytest.mark.proves("time-off-does-not-count")
def test_the_running_time_is_that_of_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as asleep:  # the kernel's monotonic clock stops while the machine sleeps
        asleep.setattr(time, "monotonic", lambda: 1.0)
        assert running_time() == 1.0
    monkeypatch.setattr(time, "monotonic", lambda: 1e12)  # as a library that fakes clocks does
    assert running_time() == pytest.approx(float(Path("/proc/uptime").read_text().split()[0]), abs=60)
    monkeypatch.setattr(system_clock, "_UPTIME", tmp_path / "uptime")
    assert running_time() == 1e12
