"""The web application: routes and the one form of every error."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from grid_datastores.errors import INTERNAL, INVALID_ARGUMENT, NOT_FOUND, InvalidInput, Refusal
from grid_datastores.server.routes import accounts, contents, datastores, graphql, uploads, workloads
from grid_datastores.server.state import State
from grid_datastores.wire.common import Error

if TYPE_CHECKING:
    from grid_datastores.service import Service

_log = logging.getLogger(__name__)


def create_app(service: Service) -> FastAPI:
    """The HTTP API on this service."""
    app = FastAPI(
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
        uploads.router,
        uploads.parts,
        contents.router,
        workloads.runs,
        graphql.router,
    ):
        app.include_router(router)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _no_such_operation)
    app.add_exception_handler(UnicodeEncodeError, _half_a_character)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _broken)
    return app


def _answer(status: int, code: int, message: str, reason: str, metadata: dict[str, str]) -> JSONResponse:
    """Exactly one detail with the message: the stock client shows that one to its user."""
    body: Error = {
        "code": code,
        "message": message,
        "details": [{"message": message, "reason": reason, "metadata": metadata}],
    }
    headers = {"WWW-Authenticate": 'Basic realm="Grid"'} if status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(body, status, headers)


def _refused(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, Refusal):
        raise error
    return _answer(error.status, error.code, error.message, error.reason, error.metadata)


def _malformed(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    message = f"The request is not well formed: {place}: {first['msg']}."
    return _answer(InvalidInput.status, InvalidInput.code, message, InvalidInput.reason, {})


def _no_such_operation(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == HTTPStatus.BAD_REQUEST:
        message = "The request is not well formed: its body cannot be read."
        return _answer(error.status_code, INVALID_ARGUMENT, message, InvalidInput.reason, {})
    code = NOT_FOUND if error.status_code == HTTPStatus.NOT_FOUND else INVALID_ARGUMENT
    message = f"There is no operation {request.method} {request.url.path}; nothing was done."
    return _answer(error.status_code, code, message, "NO_SUCH_OPERATION", {})


def _half_a_character(_request: Request, _error: Exception) -> JSONResponse:
    message = "The request is not well formed: it holds half a character."
    return _answer(InvalidInput.status, InvalidInput.code, message, InvalidInput.reason, {})


def _gone(_request: Request, _error: Exception) -> Response:
    """Nobody is left to read an answer."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


def _broken(request: Request, _error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path)
    message = "Something broke in the server; its log says what. It is safe to try again."
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL, message, "INTERNAL", {})
