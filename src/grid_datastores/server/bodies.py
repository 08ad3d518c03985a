"""Routes that find the user before they read a body, and refuse JSON that would take long to parse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from grid_datastores.domain.errors import TooLarge
from grid_datastores.server.state import find_user, uses_user
from grid_datastores.server.writers import WriterRoute

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import Response

MAX_VALUES = 20_000  # in one body
MAX_VALUES_OF_OBJECTS = 1_000_000  # in bodies that list objects with their parts
_SEPARATORS = b"[{,:"  # there is at least one for each value


class BodyRoute(WriterRoute):
    """A route whose body is read after the user is known, parsed off the event loop, and bounded in its values."""

    max_values = MAX_VALUES

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of FastAPI, which would read the body first, with the checks before it."""
        handle = super().get_route_handler()
        of_user, max_values = self.body_field is not None and uses_user(self.dependant), self.max_values

        async def checked(request: Request) -> Response:
            if of_user:
                await run_in_threadpool(find_user, request)
            return await handle(_BoundedRequest(request, max_values))

        return checked


class ObjectsRoute(BodyRoute):
    """A route whose body lists objects with their parts."""

    max_values = MAX_VALUES_OF_OBJECTS


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
