"""What `lightning-grid` 0.8.81 sends and needs, as it was seen when that client was run against `grid serve`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from graphql import get_introspection_query

from acceptance.server import ServerProcess, trusted
from acceptance.waiting import wait_until

_NOBODY = httpx.Auth()
_CLUSTER = "/v1/core/local"


class Stock:
    """The client's requests, in its order."""

    def __init__(self, http: httpx.Client, user_id: str, key: str, bare: httpx.Client) -> None:
        """`bare` sends the parts, without credentials."""
        self.http = http
        self.http.auth = (user_id, key)
        self.bare = bare
        self.sent: list[str] = []
        self.headers = {"X-Grid-User": user_id, "X-Grid-Key": key}

    def create(self, name: str, files: dict[str, bytes]) -> str:
        """`grid datastore create`: an empty source, each file an object of one part."""
        spec = {"source": "", "sourceType": "DATASTORE_SOURCE_TYPE_EXPANDED_FILES", "version": 0}
        created = self.http.post(f"{_CLUSTER}/datastores", json={"name": name, "spec": spec}).json()
        path = f"{_CLUSTER}/datastores/{created['id']}"
        objects = [{"key": key, "partCount": "1"} for key in files]
        announced = self.http.post(f"{path}/presigned-urls", json={"objects": objects}).json()["objects"]
        assert [item["key"] for item in announced] == list(files)
        done = [self._put(item, files[item["key"]]) for item in announced]
        self.http.post(f"{path}/presigned-urls/completed", json={"objects": done}).raise_for_status()
        self.http.post(f"{path}/completed", json={}).raise_for_status()
        wait_until(lambda: self.http.get(path).json()["status"]["phase"].endswith("SUCCEEDED"), "it is available")
        return str(created["id"])

    def _put(self, item: dict[str, Any], content: bytes) -> dict[str, Any]:
        self.sent.append(item["urls"][0]["url"])
        answer = self.bare.put(self.sent[-1], content=content)
        part = {"etag": answer.headers["ETag"], "partNumber": item["urls"][0]["partNumber"]}
        return {"key": item["key"], "uploadId": item["uploadId"], "urls": [part]}

    def query(self, text: str) -> dict[str, Any]:
        """A GraphQL query, with the credentials in headers of its own."""
        answer = self.http.post("/graphql", json={"query": text}, headers=self.headers, auth=_NOBODY)
        return dict(answer.raise_for_status().json())


@pytest.fixture
def stock(shared_server: ServerProcess) -> Iterator[Stock]:
    user_id, key = shared_server.add_user(f"ana-{uuid4().hex[:8]}")
    with (
        httpx.Client(base_url=shared_server.url, timeout=30, verify=trusted()) as http,
        httpx.Client(timeout=30, verify=trusted()) as bare,
    ):
        yield Stock(http, user_id, key, bare)


def test_the_schema_has_no_word_that_the_client_does_not_know(stock: Stock) -> None:
    schema = stock.query(get_introspection_query())["data"]["__schema"]

    assert {directive["name"] for directive in schema["directives"]} == {"include", "skip"}


def test_the_client_learns_its_user_and_that_there_are_no_teams(stock: Stock) -> None:
    user = "getUser { userId isVerified completedSignup isBlocked username firstName lastName email }"
    teams = "getUserTeams { success message teams { id name createdAt role members { id username } } }"

    data = stock.query(f"query {{ {user} {teams} }}")["data"]

    assert data["getUser"]["userId"] == stock.headers["X-Grid-User"]
    assert data["getUser"]["isVerified"] is True
    assert data["getUserTeams"] == {"success": True, "message": "", "teams": []}


def test_a_wrong_key_in_the_headers_is_refused(stock: Stock) -> None:
    stock.headers["X-Grid-Key"] = "wrong"

    answer = stock.http.post("/graphql", json={"query": "{ getUser { userId } }"}, headers=stock.headers, auth=_NOBODY)

    assert answer.status_code == 401


def test_what_the_client_created_is_listed_as_available(stock: Stock) -> None:
    version_id = stock.create("my-data", {"a.csv": b"1,2\n", "empty.csv": b""})

    listed = stock.http.get(f"{_CLUSTER}/datastores?available=True").json()["datastores"]

    assert [(item["id"], item["name"], item["spec"]["version"]) for item in listed] == [(version_id, "my-data", 1)]
    assert listed[0]["status"]["phase"] == "DATASTORE_OPTIMIZATION_STATUS_SUCCEEDED"
    assert isinstance(listed[0]["spec"]["sizeMib"], int)


def test_a_session_has_what_the_client_reads_of_it(stock: Stock) -> None:
    dsn = f"datastore://grid/{stock.create('my-data', {'a.csv': b'1,2'})}"
    spec = {"clusterId": "local", "instanceType": "t2.medium", "datastores": [{"dsn": dsn, "mountPath": ""}]}

    session = stock.http.post("/v1/core/sessions", json={"name": "tuning", "spec": spec}).json()

    assert session["spec"]["resources"]["storageGb"] == "0"
    assert session["spec"]["datastores"][0]["dsn"] == dsn
    assert session["status"]["phase"] == "SESSION_STATE_RUNNING"
    assert session["cost"] == 0


def test_a_refusal_has_exactly_one_detail_with_the_sentence(stock: Stock) -> None:
    version_id = stock.create("my-data", {"a.csv": b"1,2"})
    mounts = [{"dsn": f"datastore://grid/{version_id}"}]
    stock.http.post("/v1/core/sessions", json={"name": "tuning", "spec": {"datastores": mounts}}).raise_for_status()

    answer = stock.http.delete(f"{_CLUSTER}/datastores/{version_id}")

    (detail,) = answer.json()["details"]
    assert answer.status_code == 409
    assert detail["message"].startswith("Version 1 of my-data is in use by Session tuning")


def test_a_deletion_answers_and_the_version_is_listed_no_more(stock: Stock) -> None:
    version_id = stock.create("my-data", {"a.csv": b"1,2"})

    assert stock.http.delete(f"{_CLUSTER}/datastores/{version_id}").is_success
    assert stock.http.get(f"{_CLUSTER}/datastores?available=True").json()["datastores"] == []
