"""The pages that list, start, pause and resume Sessions and Runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from fastapi import APIRouter, Response

from grid_datastores.domain.errors import InvalidInput, Refusal
from grid_datastores.domain.model import WorkloadKind, WorkloadState
from grid_datastores.domain.rules import check_mountable
from grid_datastores.server.origin import SameOrigin
from grid_datastores.server.shown import shown
from grid_datastores.server.ui.datastores import find
from grid_datastores.server.ui.ending import done
from grid_datastores.server.ui.lists import Page
from grid_datastores.server.ui.web_session import TheForm, TheWebSession, WebSession, field, redirect
from grid_datastores.server.writers import WriterRoute

router = APIRouter(include_in_schema=False, dependencies=[SameOrigin], route_class=WriterRoute)


@dataclass(frozen=True, slots=True)
class _Draft:
    """The content of the form that starts a Session or Run. After a refusal the form shows it again."""

    name: str = ""
    kind: str = "session"
    version: str = ""
    path: str = ""


_KINDS = {"session": WorkloadKind.SESSION, "run": WorkloadKind.RUN}
_ACTIONS = {
    ("session", "pause"): WorkloadState.PAUSED,
    ("session", "resume"): WorkloadState.RUNNING,
}


@dataclass(frozen=True, slots=True)
class _View:
    """Which pages of the two lists are shown."""

    sessions: int
    runs: int

    @property
    def address(self) -> str:
        """The address of this view."""
        query = {"sessions": self.sessions, "runs": self.runs}
        shown = urlencode({name: page for name, page in query.items() if page > 1})
        return f"/workloads?{shown}" if shown else "/workloads"

    def at(self, name: str, page: int) -> str:
        """Return the address of another page of the list with this name."""
        return replace(self, **{name: page}).address


@router.get("/workloads")
def show_workloads(
    web_session: TheWebSession, ended: str = "", of: str = "", sessions: Page = 1, runs: Page = 1
) -> Response:
    """Show Sessions and Runs, page by page, with what pauses, resumes and ends them.

    `sessions` and `runs` are the pages of the lists. `ended` is the id of a workload that just ended. `of` is the id of
    one whose page is shown.
    """
    listing, user = web_session.state.service.listing, web_session.user
    if place := listing.page_of_workload(user, of) if of else None:
        sessions, runs = (place[1], runs) if place[0] is WorkloadKind.SESSION else (sessions, place[1])
    return web_session.page(
        "workloads.html",
        sessions=listing.workloads(user, WorkloadKind.SESSION, sessions),
        runs=listing.workloads(user, WorkloadKind.RUN, runs),
        view=_View(sessions, runs),
        done=done(web_session, ended),
    )


@router.get("/workloads/start")
def show_start(web_session: TheWebSession, name: str = "", version: str = "") -> Response:
    """Show the form that starts one. Preselect the given version, or show why it cannot be mounted."""
    if not name:
        return _start_form(web_session, _Draft())
    chosen = find(web_session, name, version)
    try:
        check_mountable(chosen)
    except Refusal as error:
        return _start_form(web_session, _Draft(), error)
    return _start_form(web_session, _Draft(version=chosen.id))


@router.post("/workloads/start")
def start(web_session: TheWebSession, form: TheForm) -> Response:
    """Start a Session, or record a Run, with one version mounted."""
    draft = _Draft(*(field(form, key) for key in ("name", "kind", "version", "path")))
    try:
        if draft.kind not in _KINDS:
            raise InvalidInput("Choose what to start: a Session or a Run.")
        if not draft.version:
            raise InvalidInput("Choose the version to mount.")
        web_session.state.service.workloads.start(
            web_session.user, _KINDS[draft.kind], draft.name, {draft.version: draft.path}
        )
    except Refusal as error:
        return _start_form(web_session, draft, error)
    return redirect("/workloads")


@router.post("/workloads/{kind}/{workload_id}/{action}")
def change(web_session: TheWebSession, kind: str, workload_id: str, action: str) -> Response:
    """Pause or resume a Session. Ending one asks first; see `ending`."""
    target = _ACTIONS.get((kind, action))
    if target is None:
        raise InvalidInput("You can pause, resume and end a Session, and cancel and delete a Run. Nothing was done.")
    web_session.state.service.workloads.set_state(web_session.user, WorkloadKind.SESSION, workload_id, target)
    return redirect("/workloads")


def _start_form(web_session: WebSession, draft: _Draft, refusal: Refusal | None = None) -> Response:
    versions, more = web_session.state.service.listing.mountable(web_session.user, draft.version)
    status, message = (refusal.status, shown(refusal)) if refusal else (200, "")
    return web_session.page("start.html", status, versions=versions, more=more, draft=draft, refusal=message)
