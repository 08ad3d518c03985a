"""HEAD is GET without the body, a path says which methods it has, and the description declares every part of a path."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest

from grid_datastores.domain.model import Source, SourceKind
from grid_datastores.server.app import create_app
from grid_datastores.service import Service
from grid_datastores.sources.local import scan


@pytest.fixture
def ask(service: Service) -> Any:
    """Sends a request of Ana, who has version 1 of data."""
    _, key = service.accounts.add("ana")
    app = create_app(service)

    def sent(method: str, path: str) -> httpx.Response:
        async def request() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost", auth=("ana", key)) as http:
                return await http.request(method, path)

        return asyncio.run(request())

    return sent


@pytest.mark.proves("head-is-get-without-a-body")
@pytest.mark.parametrize(
    "path", ["/v1/core/local/datastores", "/v1/core/local/quota", "/sign-in", "/openapi.json", "/no"]
)
def test_head_has_the_headers_of_get(ask: Any, path: str) -> None:
    head, get = ask("HEAD", path), ask("GET", path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers == get.headers


def test_head_reads_no_content(ask: Any, service: Service, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_bytes(b"1,2\n")
    ana = next(user for user in service.accounts.all() if user.name == "ana")
    files = list(scan(str(tmp_path / "a.csv")).files)
    version = service.uploads.create(ana, "data", Source(SourceKind.FILES, "a.csv"), files)
    url = ask("GET", f"/v1/core/datastores/{version.id}/files").json()["files"][0]["url"]
    read: list[int] = []
    storage = type(service.context.storage)
    whole = storage.read

    def counted(*given: Any, **named: Any) -> Any:
        for chunk in whole(*given, **named):
            read.append(len(chunk))
            yield chunk

    monkeypatch.setattr(storage, "read", counted)
    head = ask("HEAD", url)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "4", b"")
    assert sum(read) <= 4, "at most the chunk that was being read"
    assert ask("GET", url).content == b"1,2\n"


@pytest.mark.proves("405-says-what-is-allowed")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/core/local/datastores", "DELETE, GET, HEAD, POST"),
        ("DELETE", "/v1/auth/login", "POST"),
        ("PATCH", "/", "GET, HEAD"),
    ],
)
def test_a_method_that_a_path_does_not_have(ask: Any, method: str, path: str, allowed: str) -> None:
    answer = ask(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert "allow" not in ask(method, "/v1/nothing").headers


def test_the_description_declares_every_part_of_a_path(service: Service) -> None:
    for path, operations in create_app(service).openapi()["paths"].items():
        for method, operation in operations.items():
            declared = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path)), (method, path)
