"""The users of a server see none of its paths and addresses; its operator finds them in the log."""

from __future__ import annotations

import ast
import asyncio
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZipFile, ZipInfo

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from grid_datastores.domain.model import Source, SourceKind, User
from grid_datastores.server.app import create_app
from grid_datastores.server.shown import shown
from grid_datastores.server.ui.web_session import COOKIE
from grid_datastores.service import Service
from grid_datastores.service.finishing import FETCHED_KINDS
from grid_datastores.service.reading import Reading

API = ["/v1/core/local/datastores", "/v1/auth/user"]
PAGES = ["/", "/datastores/data/versions/1", "/upload", "/workloads"]


class Visitor:
    """A user who has signed in to the API and the pages."""

    def __init__(self, service: Service) -> None:
        user, key = service.accounts.add("ben")
        self._app: FastAPI = create_app(service)
        self._auth, self._cookies = (user.name, key), {COOKIE: service.accounts.new_token(user)}

    def get(self, path: str) -> httpx.Response:
        """The answer to a request."""
        return asyncio.run(self._get(path))

    async def _get(self, path: str) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        given: dict[str, Any] = {"auth": self._auth} if path.startswith("/v1/") else {"cookies": self._cookies}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", **given) as http:
            return await http.get(path)


def _unreachable(service: Service) -> None:
    _without_catalog(service).mkdir()


def _damaged(service: Service) -> None:
    _without_catalog(service).write_bytes(b"no database " * 1000)


def _without_catalog(service: Service) -> Path:
    path: Path = service.context.catalog._path
    service.context.catalog.close()
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
    return path


def _full(service: Service) -> None:
    @event.listens_for(service.context.catalog._engine, "before_cursor_execute")
    def fails(*_given: object) -> None:
        raise OperationalError("", {}, sqlite3.OperationalError("database or disk is full"))


@pytest.mark.proves("no-paths-for-users-of-a-server")
@pytest.mark.parametrize(("breaks", "status"), [(_unreachable, 503), (_damaged, 500), (_full, 507)])
def test_a_catalog_that_fails_is_named_in_the_log_alone(
    service: Service,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    breaks: Callable[[Service], None],
    status: int,
) -> None:
    visitor = Visitor(service)
    breaks(service)
    for path in (*API, *PAGES):
        caplog.clear()
        answer = visitor.get(path)
        assert answer.status_code == status, path
        for secret in (str(tmp_path), "sqlite", "database"):
            assert secret not in answer.text, path
        assert str(tmp_path / "data" / "catalog.sqlite") in caplog.text, path


@pytest.mark.proves("incidents-are-in-the-log")
@pytest.mark.parametrize("path", ["/v1/core/local/quota", "/upload"])
def test_an_unexpected_error_is_an_id_for_users_and_has_its_details_in_the_log(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    error = ValueError("/secret/path")

    def fails(*_given: object) -> None:
        raise error

    monkeypatch.setattr(Reading, "quota", fails)
    answer = Visitor(service).get(path)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    incident = re.search(r"incident ([0-9a-f]{8})", answer.text)
    assert incident
    assert f"GET {path} failed: incident {incident[1]}" in caplog.text
    assert error.__notes__ == [f"Incident {incident[1]}"], "below its traceback, which uvicorn logs"


@pytest.mark.proves("no-paths-for-users-of-a-server")
def test_the_failure_of_a_version_names_no_path_and_no_address(
    service: Service, ana: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    version = service.uploads.fetch(ana, "data", Source(SourceKind.BUCKET, "s3://birds/set/"))
    service.finishing.finish_waiting(FETCHED_KINDS)
    message = service.reading.get(ana, version.id).message
    assert "cannot be reached" in message
    assert "127.0.0.1" not in message

    version = service.uploads.fetch(ana, "data", Source(SourceKind.ARCHIVE, "https://files.example/a.zip"))
    error = ValueError("/secret/path")

    def fails(*_given: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr("grid_datastores.sources.remote.download", fails)
    with pytest.raises(ValueError, match="secret"):
        service.finishing.finish_waiting(FETCHED_KINDS)
    message = service.reading.get(ana, version.id).message
    assert "secret" not in message
    assert error.__notes__ == [f"Incident {re.findall('[0-9a-f]{8}', message)[0]}"]


def test_an_archive_with_an_empty_name_fails_its_version_with_a_sentence(
    service: Service, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = ZipInfo("x")
    entry.filename = entry.orig_filename = ""

    def download(_url: str, target: BinaryIO, *_given: object) -> int:
        with ZipFile(target, "w") as archive:
            archive.writestr(entry, b"1")
        return target.tell()

    monkeypatch.setattr("grid_datastores.sources.remote.download", download)
    version = service.uploads.fetch(ana, "data", Source(SourceKind.ARCHIVE, "https://files.example/a.zip"))
    service.finishing.finish_waiting(FETCHED_KINDS)
    assert service.reading.get(ana, version.id).message == "The archive contains '', which is not the name of a file."


def test_a_full_catalog_fails_a_version_without_its_path(
    service: Service, ana: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = service.uploads.fetch(ana, "data", Source(SourceKind.ARCHIVE, "https://files.example/a.zip"))

    def fails(*_given: object, **_named: object) -> None:
        with service.context.catalog._catalog_errors():
            raise OperationalError("", {}, sqlite3.OperationalError("database or disk is full"))

    monkeypatch.setattr("grid_datastores.sources.remote.download", fails)
    service.finishing.finish_waiting(FETCHED_KINDS)
    message = service.reading.get(ana, version.id).message
    assert "no space left" in message
    assert str(tmp_path) not in message


def test_the_server_shows_no_message_that_is_not_for_users() -> None:
    package = Path(shown.__code__.co_filename).parent
    whole = re.compile(r"\b(error|refusal|refused|than\(.*\))\.(message|base_message)\b")
    found = [
        f"{path.name}: {line.strip()}"
        for path in sorted(package.rglob("*.py"))
        if path.name != "shown.py"
        for line in path.read_text("utf-8").splitlines()
        if whole.search(line)
    ]
    assert found == []


@pytest.mark.proves("no-paths-for-users-of-a-server")
def test_a_refusal_with_a_path_of_the_catalog_or_storage_has_other_words_for_users() -> None:
    package = Path(shown.__code__.co_filename).parents[1]
    calls = [
        (path.name, node)
        for path in (*(package / "catalog").glob("*.py"), *(package / "storage").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Damaged", "NoSpace")
    ]
    with_path = [(name, node) for name, node in calls if re.search(r"\{(self\.)?_?path\}", ast.unparse(node))]
    assert len(with_path) >= 2
    assert [name for name, node in with_path if "public" not in {keyword.arg for keyword in node.keywords}] == []
