"""The wire format of Sessions and Runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NotRequired

from typing_extensions import TypedDict

from grid_datastores.domain.errors import InvalidInput
from grid_datastores.domain.model import Mount, VersionRef, Workload, WorkloadKind, WorkloadState
from grid_datastores.wire.common import AtMost, id_in, required_time_in, time_in, time_out

if TYPE_CHECKING:
    from collections.abc import Iterable

DSN = "datastore://grid/"
MAX_MOUNTS = 1000  # of a Session or Run

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
_PENDING_STATES = {"SESSION_STATE_PENDING", "RUN_STATE_PENDING", "RUN_STATE_BUILDING"}
_STATES_IN = {text: state for states in (SESSION_STATES, RUN_STATES) for state, text in states.items()}


class DatastoreInput(TypedDict, total=False):
    """A version that a Session mounts. `dsn` is datastore://grid/ID. Requests need no name and version."""

    dsn: str
    mountPath: str
    name: str
    version: int


class Resources(TypedDict, total=False):
    """The machine resources of a Session. Always empty here, but Grid's own client reads the field."""

    storageGb: str


class SessionSpec(TypedDict, total=False):
    """The properties of a Session, and its requested state."""

    resources: Resources
    instanceType: str
    clusterId: str
    userId: str
    datastores: Annotated[list[DatastoreInput], AtMost(MAX_MOUNTS)]
    desiredState: str


class SessionStatus(TypedDict, total=False):
    """The status of a Session."""

    phase: str
    message: str
    startTimestamp: str | None
    lastStateStatusTransitionTimestamp: str | None


class Session(TypedDict):
    """One Session. Its costs are always zero."""

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
    """A change of a Session's state."""

    id: str
    timestamp: str | None
    phase: str
    desiredState: str
    message: str


class ListSessionEventsResponse(TypedDict):
    """A Session's events, oldest first."""

    events: list[SessionEvent]


class DatastoreMount(TypedDict, total=False):
    """A version that a Run mounts, by id. Requests need no name and version."""

    id: str
    mountPath: str
    name: str
    version: int


class RunSpec(TypedDict, total=False):
    """The properties of a Run, and its requested state.

    A `leased` Run holds its versions only while heartbeats arrive.
    """

    clusterId: str
    userId: str
    datastores: Annotated[list[DatastoreMount], AtMost(MAX_MOUNTS)]
    desiredState: str
    leased: bool


class RunStatus(TypedDict, total=False):
    """The status of a Run."""

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
    """Runs, oldest first. Only the first page has `totalSize`: how many Runs there are."""

    runs: list[Run]
    nextPageToken: str
    totalSize: NotRequired[str]


def session_out(workload: Workload, cluster: str) -> Session:
    """Convert a Session to JSON."""
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
    """Convert a Session's start and its last change of state to JSON."""
    changes = {workload.created_at: WorkloadState.RUNNING, workload.state_since: workload.state}
    return {
        "events": [
            {
                "id": f"{workload.id}-{number}",
                "timestamp": time_out(at),
                "phase": SESSION_STATES[state],
                "desiredState": SESSION_STATES[state],
                "message": "",
            }
            for number, (at, state) in enumerate(changes.items(), 1)
        ]
    }


def run_out(workload: Workload, cluster: str) -> Run:
    """Convert a Run to JSON."""
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
    """Convert a Session or a Run from JSON."""
    spec, status = data["spec"], data["status"]
    phase = status["phase"]
    return Workload(
        id=id_in(data["id"]),
        kind=kind,
        owner_id=spec.get("userId", ""),
        name=data["name"],
        state=WorkloadState.RUNNING if phase in _PENDING_STATES else _STATES_IN[phase],
        state_since=time_in(status.get("lastStateStatusTransitionTimestamp")) or required_time_in(data["createdAt"]),
        created_at=required_time_in(data["createdAt"]),
        mounts=tuple(_mounts_in(spec.get("datastores", []))),
        lease_until=time_in(str(status.get("leaseUntil") or "")),
        lease_seconds=_seconds_in(status.get("leaseSeconds")),
    )


def _seconds_in(value: object) -> int | None:
    """Return a positive number of seconds, or None for anything else, which a foreign server may send."""
    return value if type(value) is int and value > 0 else None


def requested_state(text: str, states: dict[WorkloadState, str]) -> WorkloadState:
    """Return the requested state. Raises `InvalidInput` if it is not one of `states`."""
    for state, name in states.items():
        if name == text:
            return state
    raise InvalidInput(f"{text!r} is not a valid state. Use one of {', '.join(states.values())}.")


def version_of_dsn(dsn: str) -> str:
    """Return the version's id in a Session's dsn. Raises `InvalidInput`."""
    if not dsn.startswith(DSN):
        raise InvalidInput(f"{dsn!r} is not a valid dsn. Use {DSN}ID, with the version's id.")
    return dsn.removeprefix(DSN)


def _mounts_in(mounts: Iterable[DatastoreInput | DatastoreMount]) -> Iterable[Mount]:
    for mount in mounts:
        version_id = mount.get("id") or str(mount.get("dsn", "")).removeprefix(DSN)
        ref = VersionRef(mount.get("name", ""), mount.get("version", 0))
        yield Mount(str(version_id), ref, mount.get("mountPath", ""))
