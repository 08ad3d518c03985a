"""The session of a browser that is signed in.

Its cookie holds a token like those of the API: random, and stored in the catalog as a digest. The protection against
CSRF is in `server/origin.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, cast
from urllib.parse import urlencode, urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from grid_datastores.domain.errors import NotSignedIn, Refusal, TooLarge
from grid_datastores.domain.model import User
from grid_datastores.domain.sign_ins import SignInKind
from grid_datastores.server.origin import is_own, is_secure
from grid_datastores.server.state import State, TheState, client_of
from grid_datastores.server.ui.pages import page
from grid_datastores.service.accounts import TOKEN_LIFETIME

COOKIE = "grid_session"
RELOAD_PAGE = {"HX-Refresh": "true"}  # makes htmx load the page again
MAX_FIELDS = 50
MAX_FIELD_SIZE = 32 * 1024  # bytes, as they are sent: percent-encoding triples the size of a character
_PAGE = re.compile(r"/(?![/\\])[A-Za-z0-9/_.~%-]*(\?[A-Za-z0-9/_.~%&=+:-]*)?")


@dataclass(frozen=True, slots=True)
class WebSession:
    """The session that a request belongs to, and its user."""

    state: State
    user: User
    token: str

    def page(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        """Return a page for the signed-in user."""
        return page(template, status, user=self.user, guide=self.state.guide_url, **values)


def start_web_session(state: State, request: Request, user: User, key: str | None = None) -> Response:
    """Sign the user in with a new cookie, and redirect to the list of their datastores. See `Accounts.new_token`."""
    answer = redirect("/")
    answer.set_cookie(
        COOKIE,
        state.service.accounts.new_token(user, client=client_of(request, SignInKind.BROWSER), key=key),
        max_age=int(TOKEN_LIFETIME.total_seconds()),
        secure=is_secure(request),
        httponly=True,
        samesite="strict",
    )
    return answer


def end_web_session(web_session: WebSession) -> Response:
    """Sign the user out: revoke the token in the cookie, delete the cookie, and redirect to the sign-in page."""
    web_session.state.service.accounts.revoke_token(web_session.token)
    answer = redirect("/sign-in")
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def redirect(path: str) -> RedirectResponse:
    """Redirect a form to a page with status 303, so that reloading the page does not send the form again."""
    return RedirectResponse(path, 303)


def read_web_session(state: State, request: Request) -> WebSession:
    """Return the session of the request's cookie. Raises `NotSignedIn`."""
    token = request.cookies.get(COOKIE, "")
    return WebSession(state, state.service.accounts.of_token(token), token)


def web_session_or_none(request: Request) -> WebSession | None:
    """Return the session, or None for a request without a valid one."""
    try:
        return read_web_session(cast("State", request.app.state.grid), request)
    except Refusal:
        return None


def is_own_page(address: str) -> bool:
    """Return whether the address is a path, with or without a query, so that it stays on this server."""
    return _PAGE.fullmatch(address) is not None


def _requested_page(request: Request) -> str:
    """Return the path of the requested page; for a form, the path of the page that holds it."""
    if request.method != "GET":
        referer = request.headers.get("referer", "")
        form = urlsplit(referer)
        return (form.path + (f"?{form.query}" if form.query else "")) if is_own(request, referer) else "/"
    query = request.scope["query_string"].decode("latin-1")
    return str(request.scope["raw_path"].decode("latin-1")) + (f"?{query}" if query else "")


def _web_session(request: Request, state: TheState) -> WebSession:
    try:
        return read_web_session(state, request)
    except NotSignedIn as error:
        raise SignInRequired(request) from error


class SignInRequired(Exception):
    """The page needs a session. `location` is the sign-in page, which redirects back to `then`."""

    def __init__(self, request: Request) -> None:
        super().__init__(request.url.path)
        self.then = _requested_page(request)
        query = {"then": self.then} if self.then != "/" else {}
        if request.method != "GET":
            query["ended"] = "yes"
        self.location = "/sign-in" + (f"?{urlencode(query)}" if query else "")


async def _form(request: Request) -> FormData:
    """Return the fields. Raises `TooLarge` before more of them are kept in memory than a form can have."""
    try:
        return await request.form(max_files=0, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_SIZE)
    except HTTPException as error:
        if error.status_code != HTTPStatus.BAD_REQUEST:
            raise
        raise TooLarge(
            "This form is too large, or it cannot be read. Nothing was done."
            f" It can have at most {MAX_FIELDS} fields of {MAX_FIELD_SIZE:,} bytes each, and no files."
        ) from error


def field(form: FormData, name: str) -> str:
    """Return the text of a field, without the spaces around it."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


TheWebSession = Annotated[WebSession, Depends(_web_session)]
TheForm = Annotated[FormData, Depends(_form)]
