"""The page that lists where the user is signed in, and ends their sign-ins."""

from __future__ import annotations

from fastapi import APIRouter, Response

from grid_datastores.server.origin import SameOrigin
from grid_datastores.server.ui.web_session import TheWebSession, redirect
from grid_datastores.server.writers import WriterRoute
from grid_datastores.service.accounts import TOKEN_LIFETIME

_DONE = {"one": "That sign-in has ended.", "others": "All other sign-ins have ended."}

router = APIRouter(prefix="/sign-ins", include_in_schema=False, dependencies=[SameOrigin], route_class=WriterRoute)


@router.get("")
def show_sign_ins(web_session: TheWebSession, ended: str = "") -> Response:
    """List the user's sign-ins, the last used first. `ended` says what the user has just ended."""
    found = web_session.state.service.accounts.sign_ins(web_session.user, web_session.token)
    hours = TOKEN_LIFETIME.total_seconds() / 3600
    return web_session.page("sign_ins.html", sign_ins=found, hours=f"{hours:g}", done=_DONE.get(ended, ""))


@router.post("/end-others")
def end_others(web_session: TheWebSession) -> Response:
    """End all sign-ins of the user except this one."""
    web_session.state.service.accounts.end_sign_ins(web_session.user, except_token=web_session.token)
    return redirect("/sign-ins?ended=others")


@router.post("/{sign_in_id}/end")
def end(web_session: TheWebSession, sign_in_id: str) -> Response:
    """End one sign-in of the user."""
    web_session.state.service.accounts.end_sign_in(web_session.user, sign_in_id)
    return redirect("/sign-ins?ended=one")


@router.get("/end-others")
@router.get("/{sign_in_id}/end")
def show_again() -> Response:
    """Redirect to the list when the user reloads after ending a sign-in."""
    return redirect("/sign-ins")
