"""The page about the HTTP API: each of its requests is made as it stands there, and does what its row says."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from listed import listed
from manual_clock import Clock

from described import check_described
from grid_datastores.domain.model import Source, SourceKind, Version
from grid_datastores.server.app import create_app
from grid_datastores.service import Service, open_service
from grid_datastores.settings import Limits, Settings
from grid_datastores.storage import Manifest, WithoutAttributes, pack
from grid_datastores.wire.datastores import MAX_IDS
from guide.operations import openapi

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "api.md"
_CODE = re.compile(r"`([^`]+)`")
_REQUEST = re.compile(r"(GET|POST|PUT|DELETE) (/v1/[^\s?]+)(?:\?(\S+))?")

Schema = Mapping[str, Any]


class Rows:
    """The requests of the page's tables, by what they are for, with placeholders in capitals."""

    def __init__(self) -> None:
        cells = [line.strip("| ").split(" | ") for line in PAGE.read_text("utf-8").splitlines() if line[:1] == "|"]
        self._requests = {cell[0]: _CODE.findall(cell[1]) for cell in cells if len(cell) == 2}

    def request(self, label: str, **given: str) -> tuple[str, str, Any]:
        """Method, path and body of a row's request, with these for its placeholders."""
        words = self._requests[label]
        body = json.loads(_filled(words[1], given)) if len(words) > 1 and words[1].startswith("{") else None
        method, path = _filled(words[0], given).split()
        return method, path, body

    def words(self, label: str) -> list[str]:
        """All code of a row."""
        return self._requests[label]


def _filled(text: str, given: Mapping[str, str]) -> str:
    for name, value in given.items():
        text = re.sub(rf"\b{name}\b", value, text)
    return text.replace("…", '"tuning"')


class Server:
    """A server in this process, with a user who signs in with every request."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.user, self.key = service.accounts.add("ana")
        self._app: FastAPI = create_app(service)

    def asked(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The answer to a request that succeeds."""
        answer = self.answer(method, path, body, auth=(self.user.name, self.key))
        assert answer.is_success, (method, path, body, answer.text)
        return dict(answer.json())

    def answer(self, method: str, path: str, body: Any = None, **how: Any) -> httpx.Response:
        """The answer to a request; `how` says as whom."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                return await http.request(method, path, json=body, **how)

        answer = asyncio.run(send())
        check_described(self._app.openapi(), method, answer.url.path, answer.status_code)
        return answer

    def version(self, name: str) -> Version:
        """A new version with one file."""
        begun = self.service.uploads.begin(self.user, name, Source(SourceKind.FILES, "/data"))
        packed = pack([_File()], self.service.uploads.sink(self.user, begun.id), lambda _count: None)
        manifest = Manifest.of(entry for _name, entries in packed for entry in entries)
        return self.service.uploads.publish(self.user, begun.id, manifest)


class _File(WithoutAttributes):
    path = "a.csv"
    size = 1

    def chunks(self) -> Iterator[bytes]:
        yield b"1"


@pytest.fixture
def server(tmp_path: Path, clock: Clock) -> Iterator[Server]:
    settings = Settings(tmp_path, tmp_path / "data" / "catalog.sqlite", Limits(quota=10))
    service = open_service(settings, lambda: None, clock, lambda: clock.steady, "boot")
    yield Server(service)
    service.context.catalog.close()


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.mark.proves("sign-in-with-every-request", "sign-in-for-a-token", "user-and-id-of-the-server")
def test_who_signs_in_is_the_user(server: Server) -> None:
    who, user = ("GET", "/v1/auth/user"), server.user
    for name in (user.name, user.id):
        assert server.answer(*who, auth=(name, server.key)).json()["id"] == user.id
        login = {"username": name, "apiKey": server.key}
        token = server.answer("POST", "/v1/auth/login", login).json()["token"]
        found = server.answer(*who, headers={"Authorization": f"Bearer {token}"}).json()
        assert (found["id"], found["placeId"]) == (user.id, server.service.copies.place_id())
    assert server.answer(*who).status_code == 401
    assert server.answer(*who, auth=(user.name, "wrong")).status_code == 401
    assert server.answer("POST", "/v1/auth/login", {"username": user.name, "apiKey": "wrong"}).status_code == 401


@pytest.mark.proves("one-cluster")
def test_the_server_has_one_cluster(server: Server) -> None:
    assert [cluster["id"] for cluster in server.asked("GET", "/v1/core/clusters")["clusters"]] == ["local"]


@pytest.mark.proves("most-ids-of-a-request")
def test_a_request_asks_for_a_limited_number_of_ids(server: Server) -> None:
    auth = (server.user.name, server.key)
    ids = [f"id={number}" for number in range(MAX_IDS + 1)]
    assert len(server.asked("GET", f"/v1/core/local/deletions?{'&'.join(ids[1:])}")["deleted"]) == MAX_IDS
    assert server.answer("GET", f"/v1/core/local/deletions?{'&'.join(ids)}", auth=auth).status_code == 400


@pytest.mark.proves("requests-of-a-deletion", reads=["docs/reference/api.md"])
def test_the_requests_of_a_deletion_do_what_their_rows_say(server: Server, rows: Rows) -> None:
    first, second = server.version("data"), server.version("data")
    for _ in range(2):
        server.version("other")
    answer = server.asked(*rows.request("Find the id", NAME="data", VERSION="2"))
    assert [found["id"] for found in answer["datastores"]] == [second.id]

    asked = server.asked(*rows.request("Ask what a deletion would do", ID=second.id))
    assert [(kept["version"], kept["fingerprint"]) for kept in asked["receipt"]["kept"]] == [(1, first.fingerprint)]
    assert len(listed(server.service, server.user)) == 4

    server.asked(*rows.request("Delete", ID=second.id))
    assert [version.id for version in listed(server.service, server.user) if version.ref.name == "data"] == [first.id]
    details = server.asked(*rows.request("See what happened to it", ID=second.id))
    assert [event["kind"] for event in details["events"]][-1:] == ["deleted"]


@pytest.mark.proves("requests-of-a-session", reads=["docs/reference/api.md"])
def test_the_requests_of_a_session_do_what_their_rows_say(server: Server, rows: Rows) -> None:
    version = server.version("data")
    started = server.asked(*rows.request("Start a Session", ID=version.id))
    assert (started["name"], started["status"]["phase"]) == ("tuning", "SESSION_STATE_RUNNING")
    assert _holders(server, version) == ["tuning"]

    pause = "Pause it, resume it"
    paused = server.asked(*rows.request(pause, SESSION=started["id"]))
    assert paused["status"]["phase"] == "SESSION_STATE_PAUSED"
    method, path, body = rows.request(pause, SESSION=started["id"])
    resumed = server.asked(method, path, _with_state(body, rows.words(pause)[2]))
    assert resumed["status"]["phase"] == "SESSION_STATE_RUNNING"

    server.asked(*rows.request("End it", SESSION=started["id"]))
    assert _holders(server, version) == []


@pytest.mark.proves("requests-of-a-run", reads=["docs/reference/api.md"])
def test_the_requests_of_a_run_do_what_their_rows_say(server: Server, rows: Rows, clock: Clock) -> None:
    version = server.version("data")
    begun = server.asked(*rows.request("Record a Run", ID=version.id))
    assert (begun["name"], begun["status"]["phase"]) == ("tuning", "RUN_STATE_RUNNING")
    assert not begun["status"].get("leaseUntil")
    assert _holders(server, version) == ["tuning"]

    report = "Report how it ended"
    method, path, body = rows.request(report, RUN=begun["id"])
    assert server.asked(method, path, body)["status"]["phase"] == "RUN_STATE_SUCCEEDED"
    assert _holders(server, version) == []
    for suffix in rows.words(report)[2:]:
        other = server.asked(*rows.request("Record a Run", ID=version.id))
        method, path, body = rows.request(report, RUN=other["id"])
        ended = server.asked(method, path, _with_state(body, suffix))
        assert ended["status"]["phase"] == f"RUN_STATE{suffix.removeprefix('…')}"
    assert len(rows.words(report)) == 4

    server.asked(*rows.request("Delete its record", RUN=begun["id"]))
    assert begun["id"] not in [run["id"] for run in server.asked("GET", "/v1/core/local/runs")["runs"]]


@pytest.mark.proves("requests-of-a-lease", reads=["docs/reference/api.md"])
def test_the_requests_of_a_lease_do_what_their_rows_say(server: Server, rows: Rows, clock: Clock) -> None:
    version = server.version("data")
    method, path, body = rows.request("Record a Run", ID=version.id)
    leased, place = rows.words("Record a Run with a lease")
    body[place] |= json.loads(f"{{{leased}}}")
    run = server.asked(method, path, body)
    assert run["status"]["leaseUntil"]
    clock.go(30)
    beat = server.asked(*rows.request("Send a heartbeat", RUN=run["id"]))
    assert beat["status"]["leaseUntil"] > run["status"]["leaseUntil"]


def _with_state(body: Any, suffix: str) -> Any:
    """The body with the state that ends so, as the page shortens it: `…_RUNNING`."""
    kind = str(body["spec"]["desiredState"]).partition("_STATE_")[0]
    return {"spec": {"desiredState": f"{kind}_STATE{suffix.removeprefix('…')}"}}


def _holders(server: Server, version: Version) -> list[str]:
    return [holder.name for holder in server.service.reading.details(server.user, version.id).holders]


@pytest.mark.proves("requests-and-keys-of-the-page-exist", reads=["docs/reference/api.md"])
def test_each_request_and_key_of_the_page_is_in_the_description_of_the_api() -> None:
    described = openapi()
    found = list(_requests())
    assert len(found) >= 12
    for method, path, query, bodies in found:
        operation = _operation(described, method, path)
        known = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert {name.partition("=")[0] for name in query.split("&") if name} <= known, path
        for body in bodies:
            content = operation["requestBody"]["content"]["application/json"]["schema"]
            assert _unknown_keys(described, content, body) == [], path
    properties = {name for schema in described["components"]["schemas"].values() for name in schema["properties"]}
    operations = [operation for methods in described["paths"].values() for operation in methods.values()]
    parameters = {one["name"] for operation in operations for one in operation.get("parameters", [])}
    keys = set(re.findall(r"`([a-z]+[A-Z]\w*)`", PAGE.read_text("utf-8")))
    assert keys - properties - parameters == set()
    assert len(keys) >= 3


def _requests() -> Iterator[tuple[str, str, str, list[Any]]]:
    """Method, path, query and bodies of each line of the page with a request."""
    for line in PAGE.read_text("utf-8").splitlines():
        words = _CODE.findall(line)
        for match in filter(None, map(_REQUEST.fullmatch, words)):
            yield match[1], match[2], match[3] or "", [json.loads(_filled(one, {})) for one in words if one[:1] == "{"]


def _operation(described: Schema, method: str, path: str) -> Schema:
    for template, operations in described["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in operations:
            return dict(operations[method.lower()])
    raise AssertionError(f"There is no request {method} {path}.")


def _unknown_keys(described: Schema, schema: Schema, body: Any) -> list[str]:
    """The keys of a body that its schema does not have."""
    if "$ref" in schema:
        return _unknown_keys(described, described["components"]["schemas"][schema["$ref"].rpartition("/")[2]], body)
    if isinstance(body, list):
        return [key for item in body for key in _unknown_keys(described, schema["items"], item)]
    if not isinstance(body, dict):
        return []
    known = schema["properties"]
    below = [key for name in body.keys() & known.keys() for key in _unknown_keys(described, known[name], body[name])]
    return [*(body.keys() - known.keys()), *below]
