"""What the history and the details of a version tell, and when."""

from __future__ import annotations

from pathlib import Path

import pytest
from manual_clock import Clock

from grid_datastores.domain.errors import InUse, SourceFailed
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
from grid_datastores.service import Service
from grid_datastores.service.finishing import Finishing
from grid_datastores.sources import LocalSource, scan
from grid_datastores.storage import Manifest, pack
from reliability.machine import folder_of


@pytest.fixture
def data(tmp_path: Path) -> LocalSource:
    """A folder to make versions of."""
    return scan(str(folder_of(tmp_path, {"a.csv": b"1,2\n"})))


def _publish(service: Service, user: User, version: Version, data: LocalSource) -> None:
    packed = pack(data.files, service.uploads.sink(user, version.id), lambda _: None)
    service.uploads.publish(user, version.id, Manifest.of(entry for _, got in packed for entry in got))


def _last(service: Service, user: User, version: Version) -> tuple[EventKind, str, str]:
    """The last event: what, by whom, and what is told of it."""
    event = service.reading.details(user, version.id).history[-1]
    assert event.at == service.context.clock()
    return event.kind, event.actor, event.message


@pytest.mark.proves(
    "created-when-the-upload-begins",
    "uploaded-when-available",
    "mounted-and-released",
    "refused-with-the-cause",
    "bytes-gone-when-erased",
)
def test_the_history_tells_what_happened_when_it_happens(
    service: Service, ana: User, clock: Clock, data: LocalSource
) -> None:
    version = service.uploads.begin(ana, "data", data.source)
    assert _last(service, ana, version) == (EventKind.CREATED, "ana", data.source.location)
    clock.go(1)
    _publish(service, ana, version, data)
    assert _last(service, ana, version)[:2] == (EventKind.UPLOADED, "ana")
    assert service.reading.get(ana, version.id).phase is Phase.AVAILABLE
    assert b"".join(service.reading.file(ana, version.id, "a.csv")[1]) == b"1,2\n"
    clock.go(1)
    for kind, name in ((WorkloadKind.SESSION, "tuning"), (WorkloadKind.RUN, "nightly")):
        workload = service.workloads.start(ana, kind, name, {version.id: ""})
        assert _last(service, ana, version) == (EventKind.MOUNTED, "ana", f"{kind} {name}")
        clock.go(1)
        with pytest.raises(InUse):
            service.deletion.delete(ana, version.id)
        assert _last(service, ana, version) == (EventKind.REFUSED, "ana", f"in use by {kind} {name}")
        clock.go(1)
        service.workloads.set_state(ana, kind, workload.id, WorkloadState.DELETED)
        assert _last(service, ana, version) == (EventKind.RELEASED, "ana", f"{kind} {name}")
    clock.go(1)
    service.deletion.delete(ana, version.id)
    assert _last(service, ana, version) == (EventKind.DELETED, "ana", "")
    assert service.context.storage.begun(version.id)
    clock.go(1)
    service.erase_deleted()
    assert _last(service, ana, version) == (EventKind.BYTES_GONE, "removal", "no byte is left")
    assert not service.context.storage.begun(version.id)


@pytest.mark.proves("failed-with-the-cause")
def test_an_upload_that_fails_says_why(service: Service, ana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    version = service.uploads.begin(ana, "data", Source(SourceKind.ARCHIVE, "https://example.com/a.zip"))
    service.uploads.complete(ana, version.id)

    def fetch(*_given: object) -> Manifest:
        raise SourceFailed("It is not there.")

    monkeypatch.setattr(Finishing, "_fetch", fetch)
    service.finishing.finish_waiting()
    assert service.reading.get(ana, version.id).phase is Phase.FAILED
    assert _last(service, ana, version) == (EventKind.FAILED, "", "It is not there.")


@pytest.mark.proves("last-used-when-a-use-begins")
def test_last_used_is_when_a_session_or_run_last_began_to_use_it(
    service: Service, ana: User, clock: Clock, data: LocalSource
) -> None:
    version = service.uploads.begin(ana, "data", data.source)
    _publish(service, ana, version, data)
    for kind, name in ((WorkloadKind.SESSION, "tuning"), (WorkloadKind.RUN, "nightly")):
        clock.go(10)
        began = clock()
        workload = service.workloads.start(ana, kind, name, {version.id: ""})
        for state in (WorkloadState.PAUSED, WorkloadState.RUNNING, WorkloadState.DELETED):
            clock.go(10)
            if kind is WorkloadKind.SESSION or state is WorkloadState.DELETED:
                service.workloads.set_state(ana, kind, workload.id, state)
            used = service.reading.get(ana, version.id)
            assert (used.last_used_at, used.last_used_by) == (began, f"{kind} {name}")
