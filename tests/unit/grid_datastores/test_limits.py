"""Limits of what one user may send: what is over them is refused, and nothing is kept of it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from listed import listed
from manual_clock import Clock

from grid_datastores.domain import naming, rules
from grid_datastores.domain.errors import InvalidInput, QuotaReached
from grid_datastores.domain.model import Source, SourceKind, User
from grid_datastores.server.app import create_app
from grid_datastores.service import Service
from grid_datastores.service.accounts import TOKEN_LIFETIME
from grid_datastores.service.uploads import Uploads


@pytest.mark.parametrize("kind", list(SourceKind))
def test_a_source_of_any_length_is_not_kept(service: Service, ana: User, kind: SourceKind) -> None:
    start = {SourceKind.FILES: "", SourceKind.ARCHIVE: "https://example.com/a.zip?"}.get(kind, "s3://bucket/")
    longest = start.ljust(naming.MAX_LOCATION_LENGTH, "x")
    service.uploads.begin(ana, "data", Source(kind, longest))
    with pytest.raises(InvalidInput, match=r"The source has 2049 characters\. At most 2048 are allowed"):
        service.uploads.begin(ana, "data", Source(kind, longest + "x"))
    assert len(listed(service, ana)) == 1


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for at in range(len(content)):
        yield content[at : at + 1]


@pytest.mark.parametrize("told", [True, False], ids=["by its length", "while it is read"])
def test_a_part_that_is_too_large_is_refused(service: Service, monkeypatch: pytest.MonkeyPatch, *, told: bool) -> None:
    ana, _key = service.accounts.add("ana")
    version = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    (upload,) = service.uploads.announce(ana, version.id, {"a.csv": 1})
    monkeypatch.setattr(rules, "MAX_PART_BYTES", 3)
    app = create_app(service)
    address = app.state.grid.signer(ana.id).sign(f"/v1/uploads/{upload.id}/1", {}, upload.expires_at)

    async def put(content: bytes) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
            return await http.put(address, content=content if told else _chunks(content))

    assert "Send more, smaller parts" in asyncio.run(put(b"1234")).text
    assert asyncio.run(put(b"123")).status_code == 200
    (part,) = service.context.storage.local_path(version.id, "x").parent.iterdir()
    assert part.read_bytes() == b"123"


def test_expired_tokens_are_not_kept(service: Service, ana: User, clock: Clock, tmp_path: Path) -> None:
    for _ in range(3):
        service.accounts.new_token(ana)
    clock.now += TOKEN_LIFETIME + timedelta(seconds=1)
    token = service.accounts.new_token(ana)
    assert service.accounts.of_token(token).id == ana.id
    with closing(sqlite3.connect(tmp_path / "data" / "catalog.sqlite")) as catalog:
        assert catalog.execute("SELECT count(*) FROM tokens").fetchone() == (1,)


def test_what_is_unused_is_looked_up_only_when_there_is_no_place_left(
    service: Service, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[User] = []
    monkeypatch.setattr(Uploads, "_unused_versions", lambda _self, _tx, user: asked.append(user) or [])
    for _ in range(2):
        service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    assert asked == []
    with pytest.raises(QuotaReached):
        service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    assert asked == [ana]
