"""The pages that end a Session or Run: the question, and the line that says what was done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, Response

from grid_datastores.domain.errors import NotFound, Refusal, format_utc
from grid_datastores.domain.model import WorkloadKind, WorkloadState
from grid_datastores.domain.text import counted
from grid_datastores.server.origin import SameOrigin
from grid_datastores.server.ui.web_session import TheForm, TheWebSession, WebSession, field, is_own_page, redirect
from grid_datastores.server.writers import WriterRoute

if TYPE_CHECKING:
    from grid_datastores.domain.model import Workload

_MAX_NAMED = 3  # versions in a line

router = APIRouter(
    prefix="/workloads/{kind}/{workload_id}",
    include_in_schema=False,
    dependencies=[SameOrigin],
    route_class=WriterRoute,
)


@dataclass(frozen=True, slots=True)
class _Ending:
    """A way to end a workload: the word in its button, and the resulting state."""

    word: str
    state: WorkloadState


_DELETE = {"session": _Ending("End", WorkloadState.DELETED), "run": _Ending("Delete", WorkloadState.DELETED)}
_CANCEL = {"run": _Ending("Cancel", WorkloadState.CANCELED)}


@router.get("/delete")
def ask_to_delete(web_session: TheWebSession, kind: str, workload_id: str, back: str = "") -> Response:
    """Ask before a Session is ended, or a Run that has ended is deleted from the list."""
    return _ask(web_session, _kind(kind, _DELETE), workload_id, _DELETE[kind], back)


@router.get("/cancel")
def ask_to_cancel(web_session: TheWebSession, kind: str, workload_id: str, back: str = "") -> Response:
    """Ask before a Run is cancelled."""
    return _ask(web_session, _kind(kind, _CANCEL), workload_id, _CANCEL[kind], back)


@router.post("/delete")
def delete(web_session: TheWebSession, kind: str, workload_id: str, form: TheForm) -> Response:
    """Delete this Session or Run. Redirect to the page that led here."""
    return _end(web_session, _kind(kind, _DELETE), workload_id, _DELETE[kind], field(form, "back"))


@router.post("/cancel")
def cancel(web_session: TheWebSession, kind: str, workload_id: str, form: TheForm) -> Response:
    """Cancel this Run. Redirect to the page that led here."""
    return _end(web_session, _kind(kind, _CANCEL), workload_id, _CANCEL[kind], field(form, "back"))


def done(web_session: WebSession, workload_id: str) -> str:
    """Return the line that says how this workload ended ("" unless it is the user's and has ended)."""
    ended = web_session.state.service.workloads.ended(web_session.user, workload_id) if workload_id else None
    if ended is None:
        return ""
    name, at = f"{ended.kind} {ended.name}", format_utc(ended.state_since)
    refs = [str(mount.ref) for mount in ended.mounts]
    versions = " and ".join(refs) if len(refs) <= _MAX_NAMED else counted(len(refs), "version")
    released = f" It no longer holds {versions}." if refs else ""
    if ended.state is WorkloadState.DELETED:
        return f"{name} was deleted at {at}." if ended.kind is WorkloadKind.RUN else f"{name} ended at {at}.{released}"
    if ended.state is WorkloadState.CANCELED:
        return f"{name} was cancelled at {at}.{released} Its command was not stopped."
    return f"{name} had already {ended.state} at {at}.{released}"


def _ask(web_session: WebSession, kind: WorkloadKind, workload_id: str, ending: _Ending, back: str) -> Response:
    """Show what is lost and what stays. If the workload has ended meanwhile, redirect to the page that led here."""
    service, user = web_session.state.service, web_session.user
    ended = service.workloads.ended(user, workload_id)
    if ended and ending.state in (ended.state, WorkloadState.CANCELED):
        return redirect(_back(back, workload_id))
    workload = service.workloads.get(user, kind, workload_id)
    if workload.state.live and kind is WorkloadKind.RUN:
        ending = _CANCEL["run"]
    return web_session.page(
        "end.html",
        workload=workload,
        word=ending.word,
        action=f"/workloads/{kind.lower()}/{workload_id}/{'cancel' if ending is _CANCEL['run'] else 'delete'}",
        back=back if is_own_page(back) else "/workloads",
        others={mount.version_id: _others(web_session, workload, mount.version_id) for mount in workload.mounts},
    )


def _others(web_session: WebSession, workload: Workload, version_id: str) -> list[str]:
    """Return the other holders of the version."""
    details = web_session.state.service.reading.details(web_session.user, version_id)
    return [f"{holder.kind} {holder.name}" for holder in details.holders if holder.id != workload.id]


def _end(web_session: WebSession, kind: WorkloadKind, workload_id: str, ending: _Ending, back: str) -> Response:
    workloads = web_session.state.service.workloads
    try:
        workloads.set_state(web_session.user, kind, workload_id, ending.state)
    except Refusal:
        if workloads.ended(web_session.user, workload_id) is None:
            raise
    return redirect(_back(back, workload_id))


def _kind(kind: str, endings: dict[str, _Ending]) -> WorkloadKind:
    if kind not in endings:
        raise NotFound("You can end a Session, cancel a Run, and delete a Run that has ended. Nothing was done.")
    return WorkloadKind(kind.capitalize())


def _back(back: str, workload_id: str) -> str:
    """Return the page that led here, if it is one of this server, with the id of what has ended for its line."""
    page = urlsplit(back if is_own_page(back) else "/workloads")
    query = [(key, value) for key, value in parse_qsl(page.query) if key != "ended"]
    return f"{page.path}?{urlencode([*query, ('ended', workload_id)])}"
