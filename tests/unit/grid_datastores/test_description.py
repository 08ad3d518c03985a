"""/openapi.json describes all of the API: its requests, how to sign in, and the bodies that are no JSON."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from grid_datastores.server.app import create_app
from grid_datastores.service import Service

BINARY = "application/octet-stream"


@pytest.fixture
def app(service: Service) -> FastAPI:
    return create_app(service)


@pytest.fixture
def described(app: FastAPI) -> dict[tuple[str, str], dict[str, Any]]:
    paths = app.openapi()["paths"]
    return {
        (method.upper(), path): operation for path, methods in paths.items() for method, operation in methods.items()
    }


def _routes(routes: list[Any]) -> Iterator[APIRoute]:
    """All routes, also those of included routers."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            included = getattr(route, "original_router", route)
            yield from _routes(getattr(included, "routes", []))


@pytest.mark.proves("the-description-is-complete")
def test_every_request_of_the_api_is_described(app: FastAPI, described: dict[tuple[str, str], dict[str, Any]]) -> None:
    routes = {(method, route.path) for route in _routes(app.routes) for method in route.methods or ()}
    api = {(method, path) for method, path in routes if path.startswith("/v1/") or path == "/graphql"}
    assert len(api) > 30
    assert api == set(described)


@pytest.mark.proves("the-description-says-how-to-sign-in")
def test_a_request_that_needs_a_user_says_how_to_sign_in(
    app: FastAPI, described: dict[tuple[str, str], dict[str, Any]]
) -> None:
    schemes = app.openapi()["components"]["securitySchemes"]
    assert {name: scheme["scheme"] for name, scheme in schemes.items()} == {"key": "basic", "token": "bearer"}
    for (method, path), operation in described.items():
        answer = asyncio.run(_asked(app, method, re.sub(r"\{\w+\}", "local", path)))
        needs_user = answer.status_code == 401
        assert operation.get("security", []) == ([{"key": []}, {"token": []}] if needs_user else []), (method, path)


async def _asked(app: FastAPI, method: str, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        return await client.request(method, path)


@pytest.mark.proves("the-description-is-complete")
def test_bodies_that_are_no_json_are_described_as_such(described: dict[tuple[str, str], dict[str, Any]]) -> None:
    core = "/v1/core/{clusterId}/datastores/{id}"
    for path, media in (
        ("/v1/downloads/{id}", BINARY),
        (f"{core}/objects/{{name}}", BINARY),
        (f"{core}/manifest", "application/x-ndjson"),
    ):
        assert list(described["GET", path]["responses"]["200"]["content"]) == [media]
    part = described["PUT", "/v1/uploads/{uploadId}/{partNumber}"]
    assert list(part["requestBody"]["content"]) == [BINARY]
    assert list(part["responses"]["200"]["headers"]) == ["ETag"]
    assert "content" not in part["responses"]["200"]


@pytest.mark.proves("the-description-is-complete")
def test_a_request_that_is_always_refused_is_described_with_its_refusal(
    described: dict[tuple[str, str], dict[str, Any]],
) -> None:
    refused = {
        place: [status for status in operation["responses"] if status != "default"]
        for place, operation in described.items()
        if operation["description"].startswith("Always refuse")
    }
    core = "/v1/core/{clusterId}/datastores"
    assert refused == {("DELETE", core): ["400"], ("PUT", f"{core}/{{id}}"): ["409"]}
