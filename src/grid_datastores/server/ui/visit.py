"""Who looks at a page: the cookie, a token like those of the API: random, stored in the catalog as a digest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, cast
from urllib.parse import urlencode, urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from grid_datastores.domain.errors import NotSignedIn, Refusal
from grid_datastores.domain.model import User
from grid_datastores.server.origin import is_own, is_secure
from grid_datastores.server.state import State, TheState
from grid_datastores.server.ui.pages import page
from grid_datastores.service.accounts import TOKEN_LIFETIME

COOKIE = "grid_session"
SHOW_ANEW = {"HX-Refresh": "true"}  # has htmx load the page again
_MOST_FIELDS = 50
_PAGE = re.compile(r"/(?![/\\])[A-Za-z0-9/_.~%-]*(\?[A-Za-z0-9/_.~%&=+:-]*)?")


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who is signed in."""

    state: State
    user: User
    token: str

    def page(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        """A page for this person."""
        return page(template, status, user=self.user, **values)


def begin_visit(state: State, request: Request, user: User) -> Response:
    """Sign the person in and lead them to their datastores."""
    answer = see("/")
    answer.set_cookie(
        COOKIE,
        state.service.accounts.new_token(user),
        max_age=int(TOKEN_LIFETIME.total_seconds()),
        secure=is_secure(request),
        httponly=True,
        samesite="strict",
    )
    return answer


def end_visit(visit: Visit) -> Response:
    """Sign the person out; the cookie is worth nothing from now on."""
    visit.state.service.accounts.revoke_token(visit.token)
    answer = see("/sign-in")
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def see(path: str) -> RedirectResponse:
    """Look there next, so that reloading repeats nothing."""
    return RedirectResponse(path, 303)


def of_request(state: State, request: Request) -> Visit:
    """The visit that the cookie stands for; raises `NotSignedIn`."""
    token = request.cookies.get(COOKIE, "")
    return Visit(state, state.service.accounts.of_token(token), token)


def visit_or_none(request: Request) -> Visit | None:
    """The visit, for pages that also strangers see."""
    try:
        return of_request(cast("State", request.app.state.grid), request)
    except Refusal:
        return None


def is_own_page(address: str) -> bool:
    """Whether it is the path of a page of this server, with or without a query, and of no other site."""
    return _PAGE.fullmatch(address) is not None


def _asked(request: Request) -> str:
    """The page that was asked for; of a form that was sent, the page that it is on."""
    if request.method != "GET":
        referer = request.headers.get("referer", "")
        form = urlsplit(referer)
        return (form.path + (f"?{form.query}" if form.query else "")) if is_own(request, referer) else "/"
    query = request.scope["query_string"].decode("latin-1")
    return str(request.scope["raw_path"].decode("latin-1")) + (f"?{query}" if query else "")


def _visit(request: Request, state: TheState) -> Visit:
    try:
        return of_request(state, request)
    except NotSignedIn as error:
        raise SignInFirst(request) from error


class SignInFirst(Exception):
    """A page that needs somebody who is signed in; `location` is where to, and from there back to `then`."""

    def __init__(self, request: Request) -> None:
        super().__init__(request.url.path)
        self.then = _asked(request)
        query = {"then": self.then} if self.then != "/" else {}
        if request.method != "GET":
            query["ended"] = "yes"
        self.location = "/sign-in" + (f"?{urlencode(query)}" if query else "")


async def _form(request: Request) -> FormData:
    return await request.form(max_files=0, max_fields=_MOST_FIELDS)


def field(form: FormData, name: str) -> str:
    """What was typed into a field, without the spaces around it."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


TheVisit = Annotated[Visit, Depends(_visit)]
TheForm = Annotated[FormData, Depends(_form)]
