"""/openapi.json describes all of the API: its requests, how to sign in, and the bodies that are no JSON."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from openapi_spec_validator import validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from described import check_described
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
    succeeds = {
        place: [status for status in operation["responses"] if status[0] == "2"]
        for place, operation in described.items()
    }
    core = "/v1/core/{clusterId}/datastores"
    always_refused = {place for place, statuses in succeeds.items() if not statuses}
    assert always_refused == {("DELETE", core), ("PUT", f"{core}/{{id}}")}
    assert {
        place for place, operation in described.items() if operation["description"].startswith("Always refuse")
    } == (always_refused)
    assert "400" in described["DELETE", core]["responses"]
    assert "409" in described["PUT", f"{core}/{{id}}"]["responses"]


@pytest.mark.proves("the-description-is-valid")
def test_the_description_is_valid_openapi(app: FastAPI) -> None:
    validate(app.openapi())  # with each of its operations


def test_an_invalid_description_would_be_seen(app: FastAPI) -> None:
    path = "/v1/core/{clusterId}/quota"
    wrong: list[Callable[[dict[str, Any]], object]] = [
        lambda operations: operations["get"]["responses"].clear(),
        lambda operations: operations["get"]["parameters"].clear(),
        lambda operations: operations.update(put=operations["get"]),  # an id for two operations
    ]
    for change in wrong:
        described = app.openapi()
        operations = deepcopy(described["paths"][path])
        change(operations)
        with pytest.raises(OpenAPIValidationError):
            validate({**described, "paths": {path: operations}})


@pytest.mark.proves("the-description-is-valid")
def test_each_path_is_described_once_whatever_its_parts_are_called(app: FastAPI) -> None:
    plain = [re.sub(r"{\w+}", "{}", path) for path in app.openapi()["paths"]]
    assert sorted(plain) == sorted(set(plain))


def test_operation_ids_are_unique_and_each_way_to_sign_in_is_declared_and_used(
    app: FastAPI, described: dict[tuple[str, str], dict[str, Any]]
) -> None:
    ids = [operation["operationId"] for operation in described.values()]
    assert len(ids) == len(set(ids))
    used = {name for operation in described.values() for way in operation.get("security", []) for name in way}
    assert used == set(app.openapi()["components"]["securitySchemes"])


@pytest.mark.proves("the-description-has-every-refusal")
def test_every_refusal_is_described_in_the_form_of_all_errors(
    app: FastAPI, described: dict[tuple[str, str], dict[str, Any]]
) -> None:
    known = app.openapi()["components"]["responses"]
    form = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for place, operation in described.items():
        refusals = {
            int(status): known[answer["$ref"].rpartition("/")[2]]
            for status, answer in operation["responses"].items()
            if status[0] != "2"
        }
        assert all(answer["content"] == form and answer["description"] for answer in refusals.values()), place
        signs_in = bool(operation.get("security")) or place in {("POST", "/v1/auth/login"), ("POST", "/graphql")}
        assert ({401, 429} <= refusals.keys()) == signs_in, place
        assert (413 in refusals) == ("requestBody" in operation), place
        assert {400, 421, 500, 503, 507} <= refusals.keys(), place
        assert 422 not in refusals, "this server answers 400 instead"
    schemas = app.openapi()["components"]["schemas"]
    assert [name for name in schemas if "Validation" in name] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/core/local/quota", 418), ("DELETE", "/v1/core/local/quota", 200), ("GET", "/v1/no", 500)],
)
def test_an_answer_that_is_not_described_would_be_seen(app: FastAPI, method: str, path: str, status: int) -> None:
    check_described(app.openapi(), "HEAD", "/v1/core/local/quota", 401)
    check_described(app.openapi(), "GET", "/v1/no", 404)
    with pytest.raises(AssertionError):
        check_described(app.openapi(), method, path, status)
