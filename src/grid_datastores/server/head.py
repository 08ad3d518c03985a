"""Answer HEAD as GET without the body, and say which methods a path has."""

from __future__ import annotations

from asyncio import Event
from typing import TYPE_CHECKING

from starlette.routing import Match

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


async def answer_head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the headers of the answer to GET. The app is told that the client is gone, so it reads no more content."""
    started, asked = Event(), False

    async def receive_once() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return await receive()
        await started.wait()
        return {"type": "http.disconnect"}

    async def send_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            started.set()

    headers = [(name, value) for name, value in scope["headers"] if name != b"range"]  # only GET has ranges
    await app({**scope, "method": "GET", "headers": headers}, receive_once, send_headers)


def allowed_methods(app: FastAPI, scope: Scope) -> str:
    """Return the methods that the path has, as in the header `Allow`."""
    methods: set[str] = set()
    for route in app.router.routes:
        if route.matches(scope)[0] is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
