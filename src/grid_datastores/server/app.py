"""The web application: the API, the pages, and the responses for errors."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from grid_datastores.domain.errors import (
    INVALID_ARGUMENT,
    InternalError,
    InvalidInput,
    NoSuchOperation,
    Refusal,
    TooLarge,
)
from grid_datastores.server import ui
from grid_datastores.server.answers import json_error, json_refusal
from grid_datastores.server.description import with_all_refusals
from grid_datastores.server.guard import Guard, Hosts
from grid_datastores.server.head import allowed_methods
from grid_datastores.server.routes import accounts, contents, datastores, graphql, uploads, workloads
from grid_datastores.server.state import State
from grid_datastores.service.incidents import new_incident

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from grid_datastores.service import Service

_log = logging.getLogger(__name__)


class _GuardedApp(FastAPI):
    """An app whose outermost middleware is the guard, so that it also sees requests that fail."""

    def openapi(self) -> dict[str, Any]:
        """Return the description of the API, with every answer that it gives."""
        if not self.openapi_schema:
            self.openapi_schema = with_all_refusals(super().openapi())
        return self.openapi_schema

    def build_middleware_stack(self) -> ASGIApp:
        """Return the middleware stack, wrapped in the guard."""
        return Guard(super().build_middleware_stack(), self.state.hosts)


def create_app(service: Service, hosts: Hosts | None = None, public_url: str = "", guide_url: str = "") -> FastAPI:
    """Return the app with the HTTP API and the web UI of this service.

    It answers requests for these hosts, by default those of this machine. `public_url` is the URL at which clients
    reach the server; if it is empty, the URL is taken from each request. `guide_url` is the URL of the guide, which
    pages link to; it ends with a slash, or is empty.
    """
    app = _GuardedApp(
        title="Grid Datastores",
        summary="Grid's v1 API for datastores, Sessions and Runs, with a few additional operations.",
        version="v1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    service.accounts.ensure_signing_key()
    service.copies.place_id()  # stored now, so that no request which reads has to wait for changes
    app.state.grid = State(service, guide_url)
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
        app.router.routes.extend(router.routes)  # `include_router` would build each route again at the first request
    ui.add_to(app)
    app.state.hosts = hosts or Hosts.of("localhost")
    app.state.public_url = public_url
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(UnicodeEncodeError, _lone_surrogate)
    app.add_exception_handler(ClientDisconnect, _client_disconnected)
    app.add_exception_handler(Exception, _unexpected_error)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return await run_in_threadpool(ui.refused, request, error) if _is_page(request) else json_refusal(error)


async def _malformed(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    location = ".".join(str(part) for part in first["loc"])
    message = f"The request is malformed at {location}: {first['msg']}. Nothing was done."
    return await _refused(request, InvalidInput(message))


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == TooLarge.status:
        return await _refused(request, TooLarge(error.detail))
    answer = await _page_or_api_error(request, error)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers["Allow"] = allowed_methods(request.app, request.scope)
    return answer


async def _page_or_api_error(request: Request, error: HTTPException) -> Response:
    if _is_page(request):
        return await run_in_threadpool(ui.no_such_page, request, error.status_code)
    return _api_error(request, error)


def _api_error(request: Request, error: HTTPException) -> Response:
    if error.status_code == HTTPStatus.BAD_REQUEST:
        message = "The request is malformed: its body cannot be read. Nothing was done."
        return json_error(error.status_code, INVALID_ARGUMENT, message, InvalidInput.reason, {})
    refusal = no_such_operation(request.method, request.url.path)
    code = refusal.code if error.status_code == refusal.status else INVALID_ARGUMENT
    return json_error(error.status_code, code, refusal.public_message, refusal.reason, {})


def no_such_operation(method: str, path: str) -> NoSuchOperation:
    """Return the refusal of a request for an operation that does not exist."""
    return NoSuchOperation(f"There is no operation {method} {path}. Nothing was done.")


async def _lone_surrogate(request: Request, _error: Exception) -> Response:
    message = "The request is malformed: it contains half of a surrogate pair. Nothing was done."
    return await _refused(request, InvalidInput(message))


def _client_disconnected(_request: Request, _error: Exception) -> Response:
    """Return a response that nobody receives, so that a closed connection is not logged as an error."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


def is_cut_short(error: Exception) -> bool:
    """Return whether an answer was refused after it had begun, for example because a file is damaged."""
    return isinstance(error, RuntimeError) and isinstance(error.__cause__, Refusal)  # Starlette's RuntimeError


def _unexpected_error(request: Request, error: Exception) -> Response:
    incident = new_incident(error)
    if not is_cut_short(error):
        _log.error("%s %s failed: incident %s", request.method, request.url.path, incident)
    refusal = unexpected(incident)
    return ui.unexpected_error(request, refusal.public_message) if _is_page(request) else json_refusal(refusal)


def unexpected(incident: str) -> InternalError:
    """Return the refusal for an unexpected error, of which the log has the details under this id."""
    return InternalError(
        f"The server failed unexpectedly: incident {incident}. Its log has the details under this id."
        " It is safe to retry.",
        {"incident": incident},
    )


def _is_page(request: Request) -> bool:
    """Return whether the request is for a page. Every path outside the API is a page."""
    return not request.url.path.startswith(("/v1/", "/graphql"))
