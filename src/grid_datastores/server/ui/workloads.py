"""Sessions and Runs: start, pause, resume, end."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Response

from grid_datastores.domain.errors import InvalidInput, Refusal
from grid_datastores.domain.model import Phase, WorkloadKind, WorkloadState
from grid_datastores.domain.rules import check_mountable
from grid_datastores.server.ui.datastores import find
from grid_datastores.server.ui.visit import TheForm, TheVisit, Visit, field, is_own_page, see

router = APIRouter()


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the form to start one holds; after a refusal it is still there."""

    name: str = ""
    kind: str = "session"
    version: str = ""
    path: str = ""


_KINDS = {"session": WorkloadKind.SESSION, "run": WorkloadKind.RUN}
_ACTIONS = {
    (WorkloadKind.SESSION, "pause"): WorkloadState.PAUSED,
    (WorkloadKind.SESSION, "resume"): WorkloadState.RUNNING,
    (WorkloadKind.SESSION, "delete"): WorkloadState.DELETED,
    (WorkloadKind.RUN, "cancel"): WorkloadState.CANCELED,
    (WorkloadKind.RUN, "delete"): WorkloadState.DELETED,
}


@router.get("/workloads")
def show_workloads(visit: TheVisit) -> Response:
    """All Sessions and Runs, with what can be done to each."""
    known = visit.state.service.workloads
    sessions, runs = known.list(visit.user, WorkloadKind.SESSION), known.list(visit.user, WorkloadKind.RUN)
    return visit.page("workloads.html", sessions=sessions, runs=runs)


@router.get("/workloads/start")
def show_start(visit: TheVisit, name: str = "", version: str = "") -> Response:
    """The form to start one; the version that was chosen before is selected, or it is said why it cannot be."""
    if not name:
        return _start_form(visit, _Asked())
    chosen = find(visit, name, version)
    try:
        check_mountable(chosen)
    except Refusal as error:
        return _start_form(visit, _Asked(), error)
    return _start_form(visit, _Asked(version=chosen.id))


@router.post("/workloads/start")
def start(visit: TheVisit, form: TheForm) -> Response:
    """Start a Session, or record a Run, with one version mounted."""
    asked = _Asked(*(field(form, key) for key in ("name", "kind", "version", "path")))
    try:
        if asked.kind not in _KINDS:
            raise InvalidInput("Choose a Session or a Run.")
        if not asked.version:
            raise InvalidInput("Choose the version to mount.")
        visit.state.service.workloads.start(visit.user, _KINDS[asked.kind], asked.name, {asked.version: asked.path})
    except Refusal as error:
        return _start_form(visit, asked, error)
    return see("/workloads")


@router.post("/workloads/{kind}/{workload_id}/{action}")
def change(visit: TheVisit, kind: str, workload_id: str, action: str, form: TheForm) -> Response:
    """Pause, resume or end one, and go back to the page that it was asked from."""
    wanted = _ACTIONS.get((_KINDS[kind], action)) if kind in _KINDS else None
    if wanted is None:
        raise InvalidInput("A Session can be paused, resumed and deleted, a Run canceled and deleted.")
    visit.state.service.workloads.set_state(visit.user, _KINDS[kind], workload_id, wanted)
    back = field(form, "back")
    return see(back if is_own_page(back) else "/workloads")


def _start_form(visit: Visit, asked: _Asked, refusal: Refusal | None = None) -> Response:
    offered = [v for v in visit.state.service.reading.versions(visit.user) if v.phase is Phase.AVAILABLE]
    status, message = (refusal.status, refusal.message) if refusal else (200, "")
    return visit.page("start.html", status, versions=offered, asked=asked, refusal=message)
