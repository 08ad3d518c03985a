"""Sessions and Runs on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from grid_datastores.domain.errors import InvalidInput
from grid_datastores.domain.model import Mount, VersionRef, Workload, WorkloadKind, WorkloadState
from grid_datastores.wire.common import id_in, moment_in, time_in, time_out

if TYPE_CHECKING:
    from collections.abc import Iterable

DSN = "datastore://grid/"

SESSION_STATES = {
    WorkloadState.RUNNING: "SESSION_STATE_RUNNING",
    WorkloadState.PAUSED: "SESSION_STATE_PAUSED",
    WorkloadState.DELETED: "SESSION_STATE_DELETED",
    WorkloadState.FAILED: "SESSION_STATE_FAILED",
}
RUN_STATES = {
    WorkloadState.RUNNING: "RUN_STATE_RUNNING",
    WorkloadState.SUCCEEDED: "RUN_STATE_SUCCEEDED",
    WorkloadState.FAILED: "RUN_STATE_FAILED",
    WorkloadState.CANCELED: "RUN_STATE_CANCELED",
    WorkloadState.DELETED: "RUN_STATE_DELETED",
}
_WAITING = {"SESSION_STATE_PENDING", "RUN_STATE_PENDING", "RUN_STATE_BUILDING"}
_STATES_IN = {text: state for states in (SESSION_STATES, RUN_STATES) for state, text in states.items()}


class DatastoreInput(TypedDict, total=False):
    """A version that a Session mounts: `dsn` is datastore://grid/ID; name and version are told, not asked."""

    dsn: str
    mountPath: str
    name: str
    version: int


class Resources(TypedDict, total=False):
    """What a Session has of a machine: nothing here, but Grid's own client reads it."""

    storageGb: str


class SessionSpec(TypedDict, total=False):
    """What a Session is, and is to be."""

    resources: Resources
    instanceType: str
    clusterId: str
    userId: str
    datastores: list[DatastoreInput]
    desiredState: str


class SessionStatus(TypedDict, total=False):
    """Where a Session stands."""

    phase: str
    message: str
    startTimestamp: str | None
    lastStateStatusTransitionTimestamp: str | None


class Session(TypedDict):
    """One Session; it costs nothing."""

    cost: float
    hourlyCost: float

    id: str
    name: str
    createdAt: str | None
    spec: SessionSpec
    status: SessionStatus


class SessionRequest(TypedDict, total=False):
    """A Session to create or update."""

    name: str
    spec: SessionSpec


class ListSessionsResponse(TypedDict):
    """Sessions, oldest first."""

    sessions: list[Session]
    nextPageToken: str


class SessionEvent(TypedDict):
    """A state that a Session came to."""

    id: str
    timestamp: str | None
    phase: str
    desiredState: str
    message: str


class ListSessionEventsResponse(TypedDict):
    """A Session's events, oldest first."""

    events: list[SessionEvent]


class DatastoreMount(TypedDict, total=False):
    """A version that a Run mounts, by id; name and version are told, not asked."""

    id: str
    mountPath: str
    name: str
    version: int


class RunSpec(TypedDict, total=False):
    """What a Run is, and is to be; a `leased` one holds only as long as its heartbeat comes."""

    clusterId: str
    userId: str
    datastores: list[DatastoreMount]
    desiredState: str
    leased: bool


class RunStatus(TypedDict, total=False):
    """Where a Run stands."""

    phase: str
    message: str
    startTimestamp: str | None
    finishTimestamp: str | None
    lastStateStatusTransitionTimestamp: str | None
    leaseUntil: str | None
    leaseSeconds: int | None


class Run(TypedDict):
    """One Run."""

    id: str
    name: str
    createdAt: str | None
    updatedAt: str | None
    spec: RunSpec
    status: RunStatus


class RunRequest(TypedDict, total=False):
    """A Run to create or update."""

    name: str
    spec: RunSpec


class ListRunsResponse(TypedDict):
    """Runs, oldest first."""

    runs: list[Run]
    nextPageToken: str
    totalSize: str


def session_out(workload: Workload, cluster: str) -> Session:
    """A Session as JSON."""
    return {
        "id": workload.id,
        "name": workload.name,
        "cost": 0.0,
        "hourlyCost": 0.0,
        "createdAt": time_out(workload.created_at),
        "spec": {
            "resources": {"storageGb": "0"},
            "instanceType": "",
            "clusterId": cluster,
            "userId": workload.owner_id,
            "datastores": [
                {
                    "dsn": f"{DSN}{mount.version_id}",
                    "mountPath": mount.path,
                    "name": mount.ref.name,
                    "version": mount.ref.number,
                }
                for mount in workload.mounts
            ],
            "desiredState": SESSION_STATES[workload.state],
        },
        "status": {
            "phase": SESSION_STATES[workload.state],
            "message": "",
            "startTimestamp": time_out(workload.created_at),
            "lastStateStatusTransitionTimestamp": time_out(workload.state_since),
        },
    }


def session_events_out(workload: Workload) -> ListSessionEventsResponse:
    """The start of a Session and its last change of state, as JSON."""
    moments = {workload.created_at: WorkloadState.RUNNING, workload.state_since: workload.state}
    return {
        "events": [
            {
                "id": f"{workload.id}-{number}",
                "timestamp": time_out(at),
                "phase": SESSION_STATES[state],
                "desiredState": SESSION_STATES[state],
                "message": "",
            }
            for number, (at, state) in enumerate(moments.items(), 1)
        ]
    }


def run_out(workload: Workload, cluster: str) -> Run:
    """A Run as JSON."""
    return {
        "id": workload.id,
        "name": workload.name,
        "createdAt": time_out(workload.created_at),
        "updatedAt": time_out(workload.state_since),
        "spec": {
            "clusterId": cluster,
            "userId": workload.owner_id,
            "datastores": [
                {
                    "id": mount.version_id,
                    "mountPath": mount.path,
                    "name": mount.ref.name,
                    "version": mount.ref.number,
                }
                for mount in workload.mounts
            ],
            "desiredState": RUN_STATES[workload.state],
        },
        "status": {
            "phase": RUN_STATES[workload.state],
            "message": "",
            "startTimestamp": time_out(workload.created_at),
            "finishTimestamp": None if workload.state.live else time_out(workload.state_since),
            "lastStateStatusTransitionTimestamp": time_out(workload.state_since),
            "leaseUntil": time_out(workload.lease_until),
            "leaseSeconds": workload.lease_seconds,
        },
    }


def workload_in(data: Session | Run, kind: WorkloadKind) -> Workload:
    """A Session or a Run from JSON."""
    spec, status = data["spec"], data["status"]
    phase = status["phase"]
    return Workload(
        id=id_in(data["id"]),
        kind=kind,
        owner_id=spec.get("userId", ""),
        name=data["name"],
        state=WorkloadState.RUNNING if phase in _WAITING else _STATES_IN[phase],
        state_since=time_in(status.get("lastStateStatusTransitionTimestamp")) or moment_in(data["createdAt"]),
        created_at=moment_in(data["createdAt"]),
        mounts=tuple(_mounts_in(spec.get("datastores", []))),
        lease_until=time_in(str(status.get("leaseUntil") or "")),
        lease_seconds=_seconds_in(status.get("leaseSeconds")),
    )


def _seconds_in(value: object) -> int | None:
    """A positive number of seconds; None for anything else, as another server may send."""
    return value if type(value) is int and value > 0 else None


def wanted_state(text: str, states: dict[WorkloadState, str]) -> WorkloadState:
    """The state that a request wants, of those that there are."""
    for state, name in states.items():
        if name == text:
            return state
    raise InvalidInput(f"{text!r} is not a state to ask for; ask for one of {', '.join(states.values())}.")


def version_of_dsn(dsn: str) -> str:
    """The version's id in a Session's dsn."""
    if not dsn.startswith(DSN):
        raise InvalidInput(f"{dsn!r} names no version; it must be {DSN}ID.")
    return dsn.removeprefix(DSN)


def _mounts_in(mounts: Iterable[DatastoreInput | DatastoreMount]) -> Iterable[Mount]:
    for mount in mounts:
        version_id = mount.get("id") or str(mount.get("dsn", "")).removeprefix(DSN)
        ref = VersionRef(mount.get("name", ""), mount.get("version", 0))
        yield Mount(str(version_id), ref, mount.get("mountPath", ""))
