"""Routes that find the user before they read a body, and refuse JSON that would take long to parse.

A request passes through as few threads as possible, because each of them costs as much as an empty request: the thread
of the endpoint also finds the user and encodes the answer.
"""

from __future__ import annotations

import json
from functools import wraps
from http import HTTPStatus
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from grid_datastores.domain.errors import TooLarge
from grid_datastores.server.state import Caller, find_user, uses_user
from grid_datastores.server.writers import WriterRoute

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

MAX_VALUES = 20_000  # in one body
MAX_VALUES_OF_OBJECTS = 1_000_000  # in bodies that list objects with their parts
_SEPARATORS = b"[{,:"  # there is at least one for each value


class BodyRoute(WriterRoute):
    """A route whose body is read after the user is known, parsed off the event loop, and bounded in its values."""

    max_values = MAX_VALUES

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's
        """See `APIRoute`."""
        whole = _with_user(endpoint) if iscoroutinefunction(endpoint) else _whole(endpoint, options.get("status_code"))
        super().__init__(path, whole, **options)
        self.endpoint = endpoint

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of FastAPI, which would read the body first, with the checks before it."""
        handle = super().get_route_handler()
        of_user, max_values = uses_user(self.dependant), self.max_values
        has_body = self.body_field is not None

        async def checked(request: Request) -> Response:
            if of_user and has_body:
                await run_in_threadpool(find_user, request)
            try:
                return await handle(_BoundedRequest(request, max_values))
            except RequestValidationError:
                if of_user:  # who is not signed in hears nothing else
                    await run_in_threadpool(find_user, request)
                raise

        return checked


class ObjectsRoute(BodyRoute):
    """A route whose body lists objects with their parts."""

    max_values = MAX_VALUES_OF_OBJECTS


def _whole(endpoint: Callable[..., Any], status: int | None) -> Callable[..., Any]:
    """Return the endpoint, which gets its user and returns its answer encoded."""

    @wraps(endpoint)
    def whole(**values: object) -> object:
        answer = endpoint(**{name: _found(value) for name, value in values.items()})
        return JSONResponse(answer, status or HTTPStatus.OK) if isinstance(answer, dict) else answer

    return whole


def _with_user(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(endpoint)
    async def with_user(**values: object) -> object:
        for name, value in values.items():
            if isinstance(value, Caller):
                values[name] = await run_in_threadpool(_found, value)
        return await endpoint(**values)

    return with_user


def _found(value: object) -> object:
    return find_user(value.request) if isinstance(value, Caller) else value


class _BoundedRequest(Request):
    def __init__(self, request: Request, max_values: int) -> None:
        super().__init__(request.scope, request.receive, request._send)
        self._max_values = max_values

    async def json(self) -> Any:  # noqa: ANN401 - the type of Starlette
        """Return the parsed body. Raises `HTTPException` if it has too many values."""
        return await run_in_threadpool(_parse, await self.body(), self._max_values)


def _parse(body: bytes, max_values: int) -> object:
    """Parse the JSON. Its separators are counted first: parsing costs time and memory for each of them."""
    if sum(body.count(separator) for separator in _SEPARATORS) > max_values:
        # An HTTPException, because FastAPI would turn any other exception into its own.
        raise HTTPException(TooLarge.status, TooLarge.than(max_values, "JSON values").public_message)
    return json.loads(body)
