"""How many threads a request passes through: each costs as much as an empty request."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from anyio import to_thread

from grid_datastores.server.app import create_app
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


def test_a_request_that_reads_needs_one_thread_for_the_user_and_one_for_the_answer(
    monkeypatch: pytest.MonkeyPatch, service: Service
) -> None:
    status, calls = threads(monkeypatch, service, "GET", "/v1/core/local/datastores?name=data&version=1")
    assert (status, len(calls)) == (200, 2), calls


def test_so_does_a_deletion(monkeypatch: pytest.MonkeyPatch, service: Service) -> None:
    status, calls = threads(monkeypatch, service, "DELETE", "/v1/core/local/datastores/unknown")
    assert (status, len(calls)) == (404, 2), calls
