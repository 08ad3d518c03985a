"""What goes over the wire comes back as it was; every refusal is rebuilt by its reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from grid_datastores.domain import errors
from grid_datastores.domain.model import (
    Details,
    Event,
    EventKind,
    Holder,
    Mount,
    Phase,
    Quota,
    Receipt,
    RemainingVersion,
    Source,
    SourceKind,
    Verdict,
    Version,
    VersionRef,
    Workload,
    WorkloadKind,
    WorkloadState,
)
from grid_datastores.wire import datastores, workloads

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LARGE = 2**53 + 1  # a number that JSON readers with doubles would change


def _version(phase: Phase, kind: SourceKind) -> Version:
    return Version(
        id="1",
        owner_id="2",
        ref=VersionRef("data", 7),
        source=Source(kind, "/home/ana/été 🐧"),
        phase=phase,
        created_at=AT,
        message='why "not"\n',
        finished_at=AT + timedelta(seconds=1),
        size_bytes=LARGE,
        file_count=LARGE,
        fingerprint="f" * 64,
        last_used_at=AT,
        last_used_by="Session tuning",
        deleted_at=AT,
        deleted_by="ana",
        bytes_gone_at=AT,
    )


def _receipt(kind: SourceKind) -> Receipt:
    kept = (RemainingVersion(1, "a"), RemainingVersion(2, ""))
    return Receipt(
        "1", VersionRef("data", 7), Source(kind, "x"), LARGE, LARGE, AT, kept, len(kept), Quota(5, 50), Quota(4, 50)
    )


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("kind", SourceKind)
def test_versions_come_back(phase: Phase, kind: SourceKind) -> None:
    version = _version(phase, kind)
    assert datastores.version_in(json.loads(json.dumps(datastores.version_out(version, "local")))) == version


def test_a_version_with_nothing_in_it_comes_back() -> None:
    version = Version("1", "2", VersionRef("data", 1), Source(SourceKind.FILES, ""), Phase.UPLOADING, AT)
    assert datastores.version_in(json.loads(json.dumps(datastores.version_out(version, "local")))) == version


def test_a_version_of_a_server_that_knows_grids_fields_only() -> None:
    spec = {"version": 3, "source": "", "sourceType": "DATASTORE_SOURCE_TYPE_HTTP_URL", "sizeMib": 2}
    status = {"phase": "DATASTORE_OPTIMIZATION_STATUS_POD_PENDING"}
    data = {"id": "1", "name": "data", "createdAt": "2026-01-02T03:04:05Z", "spec": spec, "status": status}
    version = datastores.version_in(data)  # type: ignore[arg-type]
    assert (version.ref.number, version.size_bytes, version.phase) == (3, 2 * 1024 * 1024, Phase.OPTIMIZING)
    assert version.source == Source(SourceKind.ARCHIVE, "")


@pytest.mark.parametrize("kind", SourceKind)
def test_receipts_and_verdicts_come_back(kind: SourceKind) -> None:
    verdict = Verdict("It is in use.", _receipt(kind))
    assert datastores.verdict_in(json.loads(json.dumps(datastores.verdict_out(verdict)))) == verdict


def test_details_come_back() -> None:
    holders = tuple(Holder(kind, "1", "w", state, AT) for kind in WorkloadKind for state in WorkloadState)
    history = tuple(Event(LARGE + n, AT, "ana", kind, "why") for n, kind in enumerate(EventKind))
    details = Details(_version(Phase.AVAILABLE, SourceKind.FILES), holders, history)
    assert datastores.details_in(json.loads(json.dumps(datastores.details_out(details, "local")))) == details


@pytest.mark.parametrize("kind", WorkloadKind)
def test_workloads_come_back(kind: WorkloadKind) -> None:
    states = workloads.SESSION_STATES if kind is WorkloadKind.SESSION else workloads.RUN_STATES
    for state in states:
        mounts = (Mount("1", VersionRef("data", 1), "/data"), Mount("2", VersionRef("data", 2), ""))
        lease = AT + timedelta(seconds=60) if kind is WorkloadKind.RUN else None
        seconds = 45 if kind is WorkloadKind.RUN else None
        workload = Workload("3", kind, "4", "w", state, AT, AT, mounts, lease, seconds)
        out = workloads.session_out if kind is WorkloadKind.SESSION else workloads.run_out
        assert workloads.workload_in(json.loads(json.dumps(out(workload, "local"))), kind) == workload


def _refusals() -> list[type[errors.Refusal]]:
    return errors.Refusal.__subclasses__()


@pytest.mark.proves("every-refusal-has-a-reason")
def test_every_refusal_has_a_reason_of_its_own_and_a_status_that_fits() -> None:
    kinds = _refusals()
    assert len({kind.reason for kind in kinds}) == len(kinds)
    for kind in kinds:
        assert 400 <= kind.status < 600
        assert kind.exit_code in (1, 2)
        assert kind.__doc__
        rebuilt = errors.refusal_of_reason(kind.reason, "Because.")
        assert (type(rebuilt), rebuilt.message) == (kind, "Because.")
    assert type(errors.refusal_of_reason("SOMETHING_NEW", "Because.")) is errors.Refusal
