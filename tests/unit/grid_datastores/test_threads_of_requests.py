"""How many threads a request passes through: each costs as much as an empty request."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from anyio import to_thread
from fastapi.routing import APIRoute

from grid_datastores.server.app import create_app
from grid_datastores.server.bodies import BodyRoute
from grid_datastores.server.state import uses_user
from grid_datastores.service import Service


def threads(monkeypatch: pytest.MonkeyPatch, service: Service, method: str, path: str) -> tuple[int, list[str]]:
    """The status of the answer, and the calls that were made in threads."""
    calls: list[str] = []
    real = to_thread.run_sync

    async def noted(call: Any, *given: Any, **named: Any) -> Any:
        calls.append(str(call))
        return await real(call, *given, **named)

    monkeypatch.setattr(to_thread, "run_sync", noted)
    _user, key = service.accounts.add("ben")
    transport = httpx.ASGITransport(create_app(service))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", auth=("ben", key)) as client:
            return await client.request(method, path)

    return asyncio.run(ask()).status_code, calls


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "?name=data&version=1", 200),
        ("GET", "/unknown", 404),
        ("DELETE", "/unknown", 404),
    ],
)
def test_a_request_needs_one_thread(
    monkeypatch: pytest.MonkeyPatch, service: Service, method: str, path: str, expected: int
) -> None:
    status, calls = threads(monkeypatch, service, method, f"/v1/core/local/datastores{path}")
    assert (status, len(calls)) == (expected, 1), calls


def test_every_request_of_a_user_finds_them_in_the_thread_of_its_endpoint(service: Service) -> None:
    routes = [route for route in create_app(service).routes if isinstance(route, APIRoute)]
    of_users = [route for route in routes if uses_user(route.dependant)]
    assert len(of_users) > 20
    assert [route.path for route in of_users if not isinstance(route, BodyRoute)] == []
