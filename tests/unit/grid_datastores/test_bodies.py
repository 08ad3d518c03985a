"""No body is read before the user is known, and none is parsed that would keep the server busy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from grid_datastores.server.app import create_app
from grid_datastores.server.bodies import MAX_VALUES
from grid_datastores.server.guard import MAX_BODY_BEFORE_SIGN_IN
from grid_datastores.service import Service

_RUNS = "/v1/core/local/runs"


class _Unread(AssertionError):
    pass


@pytest.fixture
def app(service: Service) -> Any:
    return create_app(service)


def _asked(app: Any, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, str]:
    """The status and the body of the answer; `body` None: the app must answer without reading it."""
    sent: list[Any] = []
    given = iter([{"type": "http.request", "body": body or b"", "more_body": False}])

    async def receive() -> Any:
        if body is None:
            raise _Unread
        return next(given)

    async def send(message: Any) -> None:
        sent.append(message)

    named = {"host": "localhost", "content-type": "application/json", **headers}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }
    asyncio.run(app(scope, receive, send))
    answer = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], answer.decode()


def _of_users(app: Any) -> Iterator[tuple[str, str]]:
    """The requests of the API that have a body and need a user."""
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            if "requestBody" in operation and operation.get("security"):
                yield method.upper(), path


@pytest.mark.proves("no-body-before-sign-in")
def test_no_body_is_read_before_the_user_is_known(app: Any) -> None:
    checked = []
    for method, path in _of_users(app):
        status, said = _asked(app, method, path.replace("{clusterId}", "local"), {}, None)
        assert (status, "not signed in" in said) == (401, True), path
        checked.append(path)
    assert len(checked) >= 5, "the API has at least these requests with a body"


@pytest.mark.proves("limits-of-the-api")
@pytest.mark.parametrize("value", ["[],", "0,", '"a":0,', "{},"])
def test_a_body_with_too_many_values_is_refused_before_it_is_parsed(app: Any, service: Service, value: str) -> None:
    user, key = service.accounts.add("ana")
    login = json.dumps({"username": user.name, "apiKey": key}).encode()
    token = json.loads(_asked(app, "POST", "/v1/auth/login", {}, login)[1])["token"]
    body = f'{{"a": [{value * MAX_VALUES}'.encode()  # not JSON, which nobody gets to see
    status, said = _asked(app, "POST", _RUNS, {"authorization": f"Bearer {token}"}, body)
    assert status == 413
    assert f"The maximum is {MAX_VALUES:,} JSON values." in said


@pytest.mark.proves("small-bodies-before-sign-in")
@pytest.mark.parametrize("path", ["/v1/auth/login", "/graphql", "/sign-in"])
def test_what_anybody_can_send_is_small(app: Any, path: str) -> None:
    same_origin = {"origin": "http://localhost", "content-type": "application/x-www-form-urlencoded"}
    headers = same_origin if path == "/sign-in" else {}
    status, said = _asked(app, "POST", path, headers, b" " * (MAX_BODY_BEFORE_SIGN_IN + 1))
    assert status == 413
    assert f"{MAX_BODY_BEFORE_SIGN_IN:,} bytes" in said


def _lists(schema: object) -> Iterator[dict[str, Any]]:
    """All lists in a schema of pydantic."""
    parts: list[object] = []
    if isinstance(schema, dict):
        parts = [*schema.values()]
        if schema.get("type") == "list":
            yield schema
    elif isinstance(schema, list):
        parts = schema
    for part in parts:
        yield from _lists(part)


@pytest.mark.proves("limits-of-the-api")
def test_of_a_list_only_the_first_wrong_item_is_described(app: Any) -> None:
    bodies = {route.path: route.body_field for route in app.routes if getattr(route, "body_field", None)}
    found = {path: [*_lists(body._type_adapter.core_schema)] for path, body in bodies.items()}
    assert sum(map(len, found.values())) >= 5, "the API has at least these lists in bodies"
    assert [path for path, lists in found.items() if not all(each.get("fail_fast") for each in lists)] == []
