"""Threads for the requests that change something, so that those that read never wait for them.

A change can wait for other changes to the catalog. If such requests shared the threads of all others, a few dozen of
them would also stop everybody who only reads.
"""

from __future__ import annotations

from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import anyio
from anyio.lowlevel import RunVar
from fastapi.routing import APIRoute

from grid_datastores.domain.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MAX_THREADS = 40

_SAFE = {"GET", "HEAD"}
_limiter: RunVar[anyio.CapacityLimiter] = RunVar("writers")
P = ParamSpec("P")
T = TypeVar("T")


async def run_in_writer_thread(change: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """Return the result of the call, made in a thread for changes. Raises `Busy` if none is free in time."""
    limiter, borrower = _writers(), object()
    try:
        with anyio.fail_after(Busy.TIMEOUT):
            await limiter.acquire_on_behalf_of(borrower)
    except TimeoutError as error:
        raise Busy.waited() from error
    try:
        admitted = anyio.CapacityLimiter(1)
        return await anyio.to_thread.run_sync(partial(change, *given, **named), limiter=admitted)
    finally:
        limiter.release_on_behalf_of(borrower)


def _writers() -> anyio.CapacityLimiter:
    """Return the limiter of this event loop."""
    try:
        return _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(MAX_THREADS)
        _limiter.set(limiter)
        return limiter


class WriterRoute(APIRoute):
    """A route that runs its endpoint in a thread for changes, unless its method only reads."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's
        """See `APIRoute`."""
        changes = _SAFE.isdisjoint(options.get("methods") or _SAFE)
        super().__init__(path, _in_writer_thread(endpoint) if changes else endpoint, **options)
        self.endpoint = endpoint


def _in_writer_thread(endpoint: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    if iscoroutinefunction(endpoint):
        return endpoint

    @wraps(endpoint)
    async def run(**values: object) -> object:
        return await run_in_writer_thread(endpoint, **values)

    return run
