"""What a page says when something is not done: the very sentence that the other surfaces say."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import Response

from grid_datastores.domain.errors import NotFound
from grid_datastores.server.ui.pages import page
from grid_datastores.server.ui.sign_in import ENDED
from grid_datastores.server.ui.visit import SHOW_ANEW, SignInFirst, see, visit_or_none

if TYPE_CHECKING:
    from fastapi import Request

    from grid_datastores.domain.errors import Refusal


def refused(request: Request, refusal: Refusal) -> Response:
    """The page of a refusal."""
    answer = _page(request, refusal.status, _title(request, refusal), refusal.message)
    if "retryAfter" in refusal.metadata:
        answer.headers["Retry-After"] = refusal.metadata["retryAfter"]
    return answer


def sign_in_first(request: Request, error: Exception) -> Response:
    """Lead to the page that signs in; a script of a page is told, and stays on its page."""
    if not isinstance(error, SignInFirst):
        raise error
    if "hx-request" in request.headers:
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers=SHOW_ANEW)
    if "x-requested-with" in request.headers:
        return page("sign_in.html", HTTPStatus.UNAUTHORIZED, name="", then=error.then, refusal=ENDED)
    return see(error.location)


def no_such_page(request: Request, status: int) -> Response:
    """There is nothing at that address, or it does not take such a request."""
    if status == HTTPStatus.NOT_FOUND:
        return _page(request, status, "There is no such page", f"There is no page {request.url.path}.")
    return _page(request, status, "Not done", f"{request.url.path} does not take this request; nothing was done.")


def broken(request: Request, message: str) -> Response:
    """Something nobody foresaw."""
    return _page(request, HTTPStatus.INTERNAL_SERVER_ERROR, "Something broke", message)


def _title(request: Request, refusal: Refusal) -> str:
    """What happened, in short: who only looked has asked for nothing to be done."""
    if request.method == "POST":
        return "Not done"
    if isinstance(refusal, NotFound):
        return "There is no such version" if "/versions/" in request.url.path else "There is no such page"
    return "It cannot be read"


def _page(request: Request, status: int, title: str, message: str) -> Response:
    visit = visit_or_none(request)
    if visit is None:
        return page("problem.html", status, title=title, message=message)
    return visit.page("problem.html", status, title=title, message=message)
