"""What every answer of the server has, also one that nobody foresaw."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from grid_datastores.domain.buckets import ANY_BUCKET
from grid_datastores.domain.model import Source, SourceKind
from grid_datastores.server.app import create_app
from grid_datastores.service import Service, open_service
from grid_datastores.service.reading import Reading
from grid_datastores.settings import Limits, Settings

USER = "{getUser{userId}}"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    settings = Settings(tmp_path, tmp_path / "data" / "catalog.sqlite", Limits(allowed_buckets=(ANY_BUCKET,)))
    opened = open_service(settings, lambda: None)
    yield opened
    opened.context.catalog.close()


@pytest.fixture
def app(service: Service) -> FastAPI:
    return create_app(service)


def _ask(app: FastAPI, method: str, path: str, **how: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **how)

    return asyncio.run(ask())


@pytest.mark.parametrize("path", ["/v1/core/local/quota", "/upload"])
def test_what_breaks_tells_browsers_to_be_careful(
    service: Service, app: FastAPI, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    user, key = service.accounts.add("ana")
    cookie = {"cookie": f"grid_session={service.accounts.new_token(user)}"}
    monkeypatch.setattr(Reading, "quota", lambda *given: 1 / 0)
    answer = _ask(app, "GET", path, auth=("ana", key), headers=cookie)
    assert answer.status_code == 500
    assert "The server failed unexpectedly" in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"


def test_a_query_has_a_longest_length(service: Service, app: FastAPI) -> None:
    user, key = service.accounts.add("ana")
    headers = {"x-grid-user": user.id, "x-grid-key": key}
    longest = USER + " " * (10_000 - len(USER))
    assert _ask(app, "POST", "/graphql", json={"query": longest}, headers=headers).json()["data"]["getUser"]
    flood = "{" + " ".join(f"a{n}:getUser{{userId}}" for n in range(20_000)) + "}"
    for query, status, maximum in ((longest + " ", 400, "10,000 characters"), (flood, 413, "65,536 bytes")):
        answer = _ask(app, "POST", "/graphql", json={"query": query}, headers=headers)
        assert answer.status_code == status
        assert f"The maximum is {maximum}" in answer.json()["message"]


@pytest.mark.proves("phase-fetching")
@pytest.mark.parametrize(
    ("kind", "location", "phase", "says", "on_the_wire"),
    [
        (SourceKind.ARCHIVE, "https://a.example/a.zip", "fetching", "is fetching its data", "CLOUD_RESOURCES_PENDING"),
        (SourceKind.BUCKET, "s3://birds", "fetching", "is fetching its data", "CLOUD_RESOURCES_PENDING"),
        (SourceKind.FILES, "birds", "optimizing", "All its data has arrived", "OPTIMIZING"),
    ],
)
def test_a_version_that_waits_is_shown_with_its_phase(
    service: Service, app: FastAPI, kind: SourceKind, location: str, phase: str, says: str, on_the_wire: str
) -> None:
    user, key = service.accounts.add("ana")
    version = service.uploads.begin(user, "birds", Source(kind, location))
    with service.context.catalog.write() as tx:
        tx.versions.close(version, service.now())
    cookie = {"cookie": f"grid_session={service.accounts.new_token(user)}"}
    page = _ask(app, "GET", "/datastores/birds/versions/1", headers=cookie).text
    assert f'<span class="badge {phase}">{phase}</span>' in page
    assert f'<dd id="phase">{phase}</dd>' in page
    assert says in page
    assert f'badge {phase}">{phase}' in _ask(app, "GET", "/", headers=cookie).text
    told = _ask(app, "GET", f"/v1/core/local/datastores/{version.id}", auth=("ana", key)).json()
    assert told["status"]["phase"] == f"DATASTORE_OPTIMIZATION_STATUS_{on_the_wire}"
