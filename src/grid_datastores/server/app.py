"""The web application: the API and the pages, and what they say of errors."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from grid_datastores.domain.errors import INTERNAL, INVALID_ARGUMENT, NOT_FOUND, InvalidInput, Refusal, TooLarge
from grid_datastores.server import ui
from grid_datastores.server.answers import json_error, json_refusal
from grid_datastores.server.guard import Guard, Hosts
from grid_datastores.server.routes import accounts, contents, datastores, graphql, uploads, workloads
from grid_datastores.server.state import State
from grid_datastores.wire.common import Error

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from grid_datastores.service import Service

_log = logging.getLogger(__name__)


class _Guarded(FastAPI):
    """With the guard before everything, also before what answers when something breaks."""

    def build_middleware_stack(self) -> ASGIApp:
        """All that a request goes through."""
        return Guard(super().build_middleware_stack(), self.state.hosts)


def create_app(service: Service, hosts: Hosts | None = None, public_url: str = "") -> FastAPI:
    """The HTTP API and the web UI on this service, for requests to these hosts (this machine, when left out).

    `public_url` is where clients reach it; when it is empty, each request tells.
    """
    app = _Guarded(
        title="Grid Datastores",
        summary="Grid's v1 API, as far as datastores, Sessions and Runs go, with a few operations beside it.",
        version="v1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"default": {"model": Error, "description": "Nothing was done; `message` says why."}},
    )
    app.state.grid = State(service, service.accounts.signing_key())
    for router in (
        accounts.router,
        workloads.sessions,
        datastores.router,
        datastores.deletions,
        uploads.router,
        uploads.parts,
        contents.router,
        workloads.runs,
        graphql.router,
    ):
        app.include_router(router)
    ui.add_to(app)
    app.state.hosts = hosts or Hosts.of("localhost")
    app.state.public_url = public_url
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _no_such_operation)
    app.add_exception_handler(UnicodeEncodeError, _half_a_character)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _broken)
    return app


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return ui.refused(request, error) if _is_page(request) else json_refusal(error)


def _malformed(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    message = f"The request is not well formed: {place}: {first['msg']}."
    return _refused(request, InvalidInput(message))


def _no_such_operation(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == TooLarge.status:
        return _refused(request, TooLarge(error.detail))
    if _is_page(request):
        return ui.no_such_page(request, error.status_code)
    if error.status_code == HTTPStatus.BAD_REQUEST:
        message = "The request is not well formed: its body cannot be read."
        return json_error(error.status_code, INVALID_ARGUMENT, message, InvalidInput.reason, {})
    code = NOT_FOUND if error.status_code == HTTPStatus.NOT_FOUND else INVALID_ARGUMENT
    message = f"There is no operation {request.method} {request.url.path}; nothing was done."
    return json_error(error.status_code, code, message, "NO_SUCH_OPERATION", {})


def _half_a_character(request: Request, _error: Exception) -> Response:
    return _refused(request, InvalidInput("The request is not well formed: it holds half a character."))


def _gone(_request: Request, _error: Exception) -> Response:
    """Nobody is left to read an answer."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


def _broken(request: Request, _error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path)
    message = "Something broke in the server; its log says what. It is safe to try again."
    if _is_page(request):
        return ui.broken(request, message)
    return json_error(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL, message, "INTERNAL", {})


def _is_page(request: Request) -> bool:
    """Whether a person asked, in a browser: everything outside of the API is a page."""
    return not request.url.path.startswith(("/v1/", "/graphql"))
