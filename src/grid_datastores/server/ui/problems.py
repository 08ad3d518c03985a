"""The pages that report errors, with the same messages as the API and the command line."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import Response

from grid_datastores.domain.errors import NotFound
from grid_datastores.server.shown import shown
from grid_datastores.server.ui.pages import page
from grid_datastores.server.ui.sign_in import ENDED
from grid_datastores.server.ui.web_session import RELOAD_PAGE, SignInRequired, redirect, web_session_or_none

if TYPE_CHECKING:
    from fastapi import Request

    from grid_datastores.domain.errors import Refusal


_FILE = re.compile("/versions/[^/]*/(files|picture|preview)/")


def refused(request: Request, refusal: Refusal) -> Response:
    """Return the page that shows the refusal."""
    answer = _page(request, refusal.status, _title(request, refusal), shown(refusal))
    if "retryAfter" in refusal.metadata:
        answer.headers["Retry-After"] = refusal.metadata["retryAfter"]
    return answer


def sign_in_required(request: Request, error: Exception) -> Response:
    """Redirect to the sign-in page. Answer a script with 401 instead, so that it can act on the page that it is on."""
    if not isinstance(error, SignInRequired):
        raise error
    if "hx-request" in request.headers:
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers=RELOAD_PAGE)
    if "x-requested-with" in request.headers:
        return page(
            "sign_in.html",
            HTTPStatus.UNAUTHORIZED,
            guide=request.app.state.grid.guide_url,
            name="",
            then=error.then,
            refusal=ENDED,
        )
    return redirect(error.location)


def no_such_page(request: Request, status: int) -> Response:
    """Return the page for an unknown path or a method that the path does not allow."""
    if status == HTTPStatus.NOT_FOUND:
        return _page(request, status, "Page not found", f"There is no page {request.url.path}.")
    message = f"{request.url.path} does not accept {request.method} requests. Nothing was done."
    return _page(request, status, "Not done", message)


def unexpected_error(request: Request, message: str) -> Response:
    """Return the page for an unexpected error."""
    return _page(request, HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error", message)


def _title(request: Request, refusal: Refusal) -> str:
    """Return the heading of the page."""
    if request.method == "POST":
        return "Not done"
    if not isinstance(refusal, NotFound):
        return "This cannot be shown"
    if _FILE.search(request.url.path):
        return "File not found"
    if "folder" in request.query_params:
        return "Folder not found"
    if "/versions/" in request.url.path:
        return "Version not found"
    return "Datastore not found" if request.url.path.startswith("/datastores/") else "Page not found"


def _page(request: Request, status: int, title: str, message: str) -> Response:
    web_session = web_session_or_none(request)
    if web_session is None:
        guide = request.app.state.grid.guide_url
        return page("problem.html", status, guide=guide, title=title, message=message)
    return web_session.page("problem.html", status, title=title, message=message)
