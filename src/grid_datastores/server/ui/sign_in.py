"""Signing in, by a link or by a key, and signing out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from grid_datastores.domain.errors import NotSignedIn, TooManyAttempts
from grid_datastores.server.origin import SameOrigin
from grid_datastores.server.shown import shown
from grid_datastores.server.state import State, TheState
from grid_datastores.server.ui.pages import page
from grid_datastores.server.ui.web_session import (
    TheForm,
    TheWebSession,
    end_web_session,
    field,
    is_own_page,
    redirect,
    start_web_session,
)
from grid_datastores.server.writers import WriterRoute

ENDED = "Your session has ended. Nothing was done. Sign in and try again."

router = APIRouter(include_in_schema=False, dependencies=[SameOrigin], route_class=WriterRoute)


def link_path(secret: str) -> str:
    """Return the path of the sign-in link with this secret."""
    return f"/sign-in/{secret}"


@router.get("/sign-in")
def show_sign_in(state: TheState, then: str = "", ended: str = "") -> Response:
    """Return the sign-in form. `ended` adds a message: the session ended before the user sent a form."""
    return page("sign_in.html", guide=state.guide_url, name="", then=then, refusal=ENDED if ended else "")


@router.post("/sign-in")
def sign_in(state: TheState, request: Request, form: TheForm) -> Response:
    """Sign in with a name or id, and a key."""
    name, key, then = field(form, "name"), field(form, "key"), field(form, "then")
    try:
        answer = start_web_session(state, request, state.sign_in(request, name, key), key)
    except TooManyAttempts as error:
        answer = _refused(state, error.status, name, then, shown(error))
        answer.headers["Retry-After"] = error.metadata["retryAfter"]
        return answer
    except NotSignedIn:
        return _refused(state, NotSignedIn.status, name, then, "The user or the key is wrong.")
    if is_own_page(then):
        answer.headers["Location"] = then
    return answer


@router.get("/sign-in/{secret}")
def show_link(state: TheState, secret: str) -> Response:
    """Ask before the link is used: browsers open links by themselves, to be faster."""
    return page("sign_in_link.html", guide=state.guide_url, secret=secret, who=state.links.user(secret))


@router.post("/sign-in/{secret}")
def use_link(state: TheState, request: Request, secret: str) -> Response:
    """Sign in with the link, and invalidate the link."""
    return start_web_session(state, request, state.links.use(secret))


@router.post("/sign-out")
def sign_out(web_session: TheWebSession) -> Response:
    """Sign out."""
    return end_web_session(web_session)


@router.get("/sign-out")
def signed_out() -> Response:
    """Redirect to the sign-in page when the user reloads after signing out."""
    return redirect("/sign-in")


def _refused(state: State, status: int, name: str, then: str, refusal: str) -> Response:
    return page("sign_in.html", status, guide=state.guide_url, name=name, then=then, refusal=refusal)
