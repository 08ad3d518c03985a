"""Routes for Sessions and Runs."""

from __future__ import annotations

from fastapi import APIRouter

from grid_datastores.domain.errors import AlreadyDeleted, InvalidInput, NameTaken, NotFound, NotMountable, NotThatState
from grid_datastores.domain.lists import WorkloadsPage
from grid_datastores.domain.model import User, WorkloadKind, WorkloadState
from grid_datastores.domain.naming import whole_number
from grid_datastores.server.answers import REFUSED, refused
from grid_datastores.server.bodies import BodyRoute
from grid_datastores.server.state import CLUSTER, InCluster, State, TheState, TheUser, check_cluster
from grid_datastores.service.workloads import MAX_PER_PAGE
from grid_datastores.wire import workloads as wire
from grid_datastores.wire.common import Empty

SESSION, RUN = WorkloadKind.SESSION, WorkloadKind.RUN

_NOT_STARTED = refused(NotFound, AlreadyDeleted, NameTaken, NotMountable)
_NOT_CHANGED = refused(NotThatState)

sessions = APIRouter(route_class=BodyRoute, prefix="/v1/core/sessions", tags=["sessions"], responses=REFUSED)
runs = APIRouter(
    route_class=BodyRoute,
    prefix="/v1/core/{clusterId}/runs",
    tags=["runs"],
    dependencies=[InCluster],
    responses=REFUSED,
)


@sessions.post("", responses=_NOT_STARTED)
def create_session(state: TheState, user: TheUser, body: wire.SessionRequest) -> wire.Session:
    """Start a Session with versions mounted. They cannot be deleted until the Session ends."""
    spec = body.get("spec", {})
    check_cluster(spec.get("clusterId", CLUSTER))
    paths = {wire.version_of_dsn(item.get("dsn", "")): item.get("mountPath", "") for item in spec.get("datastores", [])}
    return wire.session_out(state.service.workloads.start(user, SESSION, body.get("name", ""), paths), CLUSTER)


@sessions.get("")
def list_sessions(
    state: TheState, user: TheUser, pageToken: str = "", limit: str = "", name: str = "", live: bool = False
) -> wire.ListSessionsResponse:
    """List the user's Sessions, oldest first, one page at a time.

    `live` leaves out those that have ended. With `name`, list only the live Session of this name, or else the newest.
    """
    page = _page(state, user, SESSION, pageToken, limit, "limit", name, live=live)
    return {
        "sessions": [wire.session_out(item, CLUSTER) for item in page.workloads],
        "nextPageToken": _next_token(page),
    }


@sessions.get("/{id}")
def get_session(state: TheState, user: TheUser, id: str) -> wire.Session:
    """Return one Session."""
    return wire.session_out(state.service.workloads.get(user, SESSION, id), CLUSTER)


@sessions.put("/{id}", responses=_NOT_CHANGED)
def update_session(state: TheState, user: TheUser, id: str, body: wire.SessionRequest) -> wire.Session:
    """Pause or resume a Session: set the desired state."""
    target = wire.requested_state(_desired(body.get("spec", {})), wire.SESSION_STATES)
    return wire.session_out(state.service.workloads.set_state(user, SESSION, id, target), CLUSTER)


@sessions.delete("/{id}", responses=_NOT_CHANGED)
def delete_session(state: TheState, user: TheUser, id: str) -> Empty:
    """Delete a Session and release the versions that it mounts."""
    state.service.workloads.set_state(user, SESSION, id, WorkloadState.DELETED)
    return {}


@sessions.get("/{id}/events")
def list_session_events(state: TheState, user: TheUser, id: str) -> wire.ListSessionEventsResponse:
    """Return a Session's events: its start and its last change of state."""
    return wire.session_events_out(state.service.workloads.get(user, SESSION, id))


@runs.post("", responses=_NOT_STARTED)
def create_run(state: TheState, user: TheUser, body: wire.RunRequest) -> wire.Run:
    """Record a Run with versions mounted. They cannot be deleted until the Run ends."""
    spec = body.get("spec", {})
    paths = {item.get("id", ""): item.get("mountPath", "") for item in spec.get("datastores", [])}
    leased = spec.get("leased", False)
    started = state.service.workloads.start(user, RUN, body.get("name", ""), paths, leased=leased)
    return wire.run_out(started, CLUSTER)


@runs.post("/{id}/heartbeat", responses=_NOT_CHANGED)
def heartbeat(state: TheState, user: TheUser, id: str) -> wire.Run:
    """Renew the lease of a Run, so that its versions stay in use. A Run without a lease needs no heartbeat."""
    return wire.run_out(state.service.workloads.heartbeat(user, id), CLUSTER)


@runs.get("")
def list_runs(
    state: TheState, user: TheUser, pageToken: str = "", pageSize: str = "", name: str = "", live: bool = False
) -> wire.ListRunsResponse:
    """List the user's Runs, oldest first, one page at a time.

    `live` leaves out those that have ended. With `name`, list only the live Run of this name, or else the newest.
    """
    page = _page(state, user, RUN, pageToken, pageSize, "pageSize", name, live=live)
    answer: wire.ListRunsResponse = {
        "runs": [wire.run_out(item, CLUSTER) for item in page.workloads],
        "nextPageToken": _next_token(page),
    }
    if not pageToken:
        answer["totalSize"] = str(state.service.workloads.count(user, RUN))
    return answer


@runs.get("/{id}")
def get_run(state: TheState, user: TheUser, id: str) -> wire.Run:
    """Return one Run."""
    return wire.run_out(state.service.workloads.get(user, RUN, id), CLUSTER)


@runs.put("/{id}", responses=_NOT_CHANGED)
def update_run(state: TheState, user: TheUser, id: str, body: wire.RunRequest) -> wire.Run:
    """End a Run: set the state that it reached."""
    target = wire.requested_state(_desired(body.get("spec", {})), wire.RUN_STATES)
    return wire.run_out(state.service.workloads.set_state(user, RUN, id, target), CLUSTER)


@runs.delete("/{id}", responses=_NOT_CHANGED)
def delete_run(state: TheState, user: TheUser, id: str) -> Empty:
    """Delete a Run and release the versions that it mounts."""
    state.service.workloads.set_state(user, RUN, id, WorkloadState.DELETED)
    return {}


def _page(
    state: State, user: User, kind: WorkloadKind, token: str, size: str, field: str, name: str, *, live: bool
) -> WorkloadsPage:
    workloads = state.service.workloads
    if not name:
        length = (whole_number(size, field) if size else 0) or MAX_PER_PAGE
        return workloads.page(user, kind, after=token, size=length, live=live)
    try:
        found = workloads.named(user, kind, name)
    except NotFound:
        return WorkloadsPage((), more=False)
    return WorkloadsPage((found,) if found.state.live or not live else (), more=False)


def _next_token(page: WorkloadsPage) -> str:
    return page.workloads[-1].id if page.more else ""


def _desired(spec: wire.SessionSpec | wire.RunSpec) -> str:
    desired = spec.get("desiredState")
    if not desired:
        raise InvalidInput("Give the state in spec.desiredState.")
    return desired
