"""Requests that no client of ours sends: each is answered in the one form of errors, 4xx, and changes nothing."""

from __future__ import annotations

import json
import socket
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from acceptance.server import Credentials, ServerProcess
from acceptance.waiting import wait_until

HALF = '"\\ud800"'  # JSON of half a character
PATHS = [
    "../x",
    "a/../x",
    "/etc/passwd",
    "a\x00b",
    "a\nb",
    "\x7f",
    "d" * 5000,
    "a\\b",
    "..\\x",
    "",
    ".",
    "..",
    "a//b",
    "a/",
    "./a",
    "\ud800",
]


class Client:
    """A user of the server who sends what they like."""

    def __init__(self, server: ServerProcess, user: Credentials) -> None:
        self.server = server
        self.user = user
        self.http = httpx.Client(base_url=server.url, auth=user, timeout=30)
        self.versions = "/v1/core/local/datastores"

    def begin(self) -> str:
        """A version that takes data; its path."""
        body = {"name": "data", "spec": {"sourceType": "DATASTORE_SOURCE_TYPE_EXPANDED_FILES"}}
        return f"{self.versions}/{self.http.post(self.versions, json=body).raise_for_status().json()['id']}"

    def announce(self, path: str, key: str = "a.csv", parts: str = "1") -> dict[str, Any]:
        """An object that is announced."""
        body = {"objects": [{"key": key, "partCount": parts}]}
        answer = self.http.post(f"{path}/presigned-urls", json=body).raise_for_status()
        return dict(answer.json()["objects"][0])

    def send(self, path: str, content: bytes, key: str = "a.csv") -> dict[str, Any]:
        """An object that has arrived."""
        upload = self.announce(path, key)
        etag = httpx.put(upload["urls"][0]["url"], content=content).raise_for_status().headers["etag"]
        completed = {"key": key, "uploadId": upload["uploadId"], "urls": [{"partNumber": "1", "etag": etag}]}
        self.http.post(f"{path}/presigned-urls/completed", json={"objects": [completed]}).raise_for_status()
        return upload

    def finish(self, path: str) -> tuple[str, str]:
        """Close the version; the phase that it comes to, and why."""
        self.http.post(f"{path}/completed", json={}).raise_for_status()

        def ended() -> tuple[str, str] | None:
            status = self.http.get(path).raise_for_status().json()["status"]
            phase = status["phase"].rpartition("_")[2]
            return None if phase in ("UNSPECIFIED", "OPTIMIZING") else (phase, status["message"])

        return wait_until(ended, "the version is finished")

    def seen(self) -> str:
        """All that this user can see, and the files of every version in storage."""
        listed = self.http.get(self.versions).raise_for_status().json()
        sessions = self.http.get("/v1/core/sessions").raise_for_status().json()
        runs = self.http.get("/v1/core/local/runs").raise_for_status().json()
        held = sorted(str(p) for d in listed["datastores"] for p in (self.server.data / d["id"]).rglob("*"))
        return json.dumps([listed, sessions, runs, held])


@pytest.fixture
def client(shared_server: ServerProcess) -> Iterator[Client]:
    made = Client(shared_server, shared_server.add_user(f"ben-{uuid4().hex[:8]}"))
    yield made
    made.http.close()


def refused(answer: httpx.Response, *phrases: str) -> None:
    """The one form of errors, with a sentence, and a status that says it was the request's fault."""
    body = answer.json()
    assert 400 <= answer.status_code < 500, answer.text
    assert set(body) == {"code", "message", "details"}, body
    assert isinstance(body["code"], int)
    assert [detail["message"] for detail in body["details"]] == [body["message"]]
    assert body["message"].endswith((".", "login")), body
    assert "Traceback" not in answer.text
    for phrase in phrases:
        assert phrase in body["message"], body


def test_paths_that_are_none_are_refused_as_keys(client: Client) -> None:
    path = client.begin()
    before = client.seen()
    for key in PATHS:
        body = json.dumps({"objects": [{"key": key, "partCount": "1"}]})
        answer = client.http.post(f"{path}/presigned-urls", content=body, headers={"Content-Type": "application/json"})
        refused(answer, "is not a file's path inside a version")
    assert client.seen() == before


def test_counts_of_parts_that_are_none_are_refused(client: Client) -> None:
    path = client.begin()
    before = client.seen()
    for count in ("0", "-1", "10001", "9" * 30, "9" * 5000, "1.5", "", "x", "¹", "٣"):
        refused(client.http.post(f"{path}/presigned-urls", json={"objects": [{"key": "a", "partCount": count}]}))
        upload = {"key": "a", "uploadId": "x", "urls": [{"partNumber": count, "etag": "x"}]}
        refused(client.http.post(f"{path}/presigned-urls/completed", json={"objects": [upload]}))
    assert client.seen() == before


def test_more_parts_than_anybody_needs_are_refused_at_once(client: Client) -> None:
    path = client.begin()
    objects = [{"key": f"k{number}", "partCount": "10000"} for number in range(3000)]
    refused(client.http.post(f"{path}/presigned-urls", json={"objects": objects}), "parts")
    refused(client.http.post(f"{path}/presigned-urls", json={"objects": objects + objects}), "3000")
    refused(client.http.post(f"{path}/presigned-urls", json={"objects": objects[:1] * 2}), "twice")
    refused(client.http.post(f"{path}/presigned-urls", json={"objects": []}), "1 to 3000")
    client.announce(path, "k0", "10000")


def _row(path: str, content: bytes, name: str = "pack", offset: int = 0, **lies: Any) -> list[Any]:
    return [path, lies.get("size", len(content)), lies.get("sha256", sha256(content).hexdigest()), name, offset]


MANIFESTS: dict[str, list[Any]] = {
    "points behind the object": [_row("a", b"world", offset=100)],
    "reaches behind the object": [_row("a", b"hello world", size=12)],
    "is huge": [_row("a", b"hello", size=10**30)],
    "overlaps": [_row("a", b"hello"), _row("b", b"lo wo", offset=3)],
    "names an unknown object": [_row("a", b"hello"), _row("b", b"x", name="other")],
    "names a file of the server": [_row("a", b"x", name="announced.jsonl")],
    "lies about a hash": [_row("a", b"hello", sha256="0" * 64)],
    "leaves an object out": [_row("b", b"other", name="second")],
}
BAD_MANIFESTS: dict[str, list[Any]] = {
    "has a path twice": [_row("a", b"hello"), _row("a", b"world", offset=6)],
    "has a file that is a folder": [_row("a", b"hello"), _row("a/b", b"world", offset=6)],
    "points before the object": [_row("a", b"hello", offset=-1)],
    "has a negative size": [_row("a", b"hello", size=-5)],
    "has a size that is true": [_row("a", b"h", size=True)],
    "has too few columns": [["a", 5]],
    "is a list of objects": [{"path": "a"}],
    "is nested": [[[[[]]]]],
}


@pytest.mark.parametrize("lie", MANIFESTS)
def test_a_manifest_that_lies_fails_its_version(client: Client, lie: str) -> None:
    path = client.begin()
    client.send(path, b"hello world", "pack")
    if lie == "leaves an object out":
        client.send(path, b"other", "second")
    content = "".join(json.dumps(row) + "\n" for row in MANIFESTS[lie])
    client.http.put(f"{path}/manifest", content=content).raise_for_status()
    phase, why = client.finish(path)
    assert phase == "FAILED"
    assert why.endswith("."), why
    version_id = path.rpartition("/")[2]
    wait_until(lambda: not (client.server.data / version_id).exists(), "no byte of it is left")
    refused(client.http.get(f"/v1/core/datastores/{version_id}/files"), "cannot be read")


def test_a_manifest_that_tells_the_truth_is_taken(client: Client) -> None:
    path = client.begin()
    client.send(path, b"hello world", "pack")
    rows = [_row("a", b"hello"), _row("deep/b", b"world", offset=6), _row("empty", b"", offset=11)]
    client.http.put(f"{path}/manifest", content="".join(json.dumps(row) + "\n" for row in rows)).raise_for_status()
    assert client.finish(path) == ("SUCCEEDED", "")


def test_what_is_no_manifest_is_refused(client: Client) -> None:
    path = client.begin()
    client.send(path, b"hello world", "pack")
    before = client.seen()
    for rows in BAD_MANIFESTS.values():
        refused(client.http.put(f"{path}/manifest", content="".join(json.dumps(row) + "\n" for row in rows)))
    assert client.seen() == before


def test_paths_that_are_none_are_refused_in_a_manifest(client: Client) -> None:
    path = client.begin()
    client.send(path, b"hello", "pack")
    before = client.seen()
    for wrong in PATHS:
        refused(client.http.put(f"{path}/manifest", content=json.dumps(_row(wrong, b"hello"))))
    for content in (b"\xff", b"{", b"[" * 100_000, b"9" * 5000, b"\n", b'["a", 1e400, "x", "pack", 0]'):
        refused(client.http.put(f"{path}/manifest", content=content))
    assert client.seen() == before


def test_a_key_that_is_both_file_and_folder_fails_its_version(client: Client) -> None:
    path = client.begin()
    client.send(path, b"1", "a")
    client.send(path, b"2", "a/b")
    assert client.finish(path)[0] == "FAILED"


def test_a_part_goes_to_the_address_that_was_given_only(client: Client) -> None:
    path = client.begin()
    upload = client.announce(path, parts="2")
    before = client.seen()
    first = upload["urls"][0]["url"]
    bare, _, query = first.partition("?")
    expires = dict(pair.split("=") for pair in query.split("&"))["expires"]
    altered = [
        bare,
        f"{bare}?expires={expires}",
        first.replace(f"expires={expires}", f"expires={int(expires) + 1}"),
        first.replace(f"expires={expires}", "expires=" + "9" * 5000),
        first.replace(f"expires={expires}", "expires=x"),
        first[:-1] + ("0" if first[-1] != "0" else "1"),
        first + "é",
        first.replace("/1?", "/2?"),
        first.replace("/1?", "/01?"),
        first.replace("/1?", "/3?"),
        first.replace("/1?", "/x?"),
        first.replace("/1?", f"/{'9' * 5000}?"),
        first.replace(upload["uploadId"], "0" * 32),
        first.replace("/v1/uploads/", "/v1/downloads/"),
        first.replace("/v1/uploads/", "/v1/uploads/../uploads/x/"),
    ]
    for url in altered:
        refused(httpx.put(url, content=b"evil"))
    assert client.seen() == before
    httpx.put(first, content=b"good").raise_for_status()


def test_nothing_is_taken_after_completion(client: Client) -> None:
    path = client.begin()
    upload = client.send(path, b"hello")
    assert client.finish(path)[0] == "SUCCEEDED"
    before = client.seen()
    refused(httpx.put(upload["urls"][0]["url"], content=b"evil"))
    completed = {"key": "a.csv", "uploadId": upload["uploadId"], "urls": [{"partNumber": "1", "etag": "x"}]}
    attempts: list[tuple[str, dict[str, Any]]] = [
        ("presigned-urls", {"objects": [{"key": "b", "partCount": "1"}]}),
        ("presigned-urls/completed", {"objects": [completed]}),
        ("completed", {}),
    ]
    for end, body in attempts:
        refused(client.http.post(f"{path}/{end}", json=body), "cannot be changed")
    refused(client.http.put(f"{path}/manifest", content=b"[]"), "cannot be changed")
    assert client.seen() == before


def test_uploads_of_another_version_or_user_are_not_found(client: Client) -> None:
    other = Client(client.server, client.server.add_user(f"eve-{uuid4().hex[:8]}"))
    path, second, theirs = client.begin(), client.begin(), other.begin()
    upload = client.announce(path)
    etag = httpx.put(upload["urls"][0]["url"], content=b"1").headers["etag"]
    before = client.seen()
    parts = [{"partNumber": "1", "etag": etag}]
    body = {"objects": [{"key": "a.csv", "uploadId": upload["uploadId"], "urls": parts}]}
    refused(client.http.post(f"{second}/presigned-urls/completed", json=body), "There is no upload")
    for target in (theirs, path):
        refused(other.http.post(f"{target}/presigned-urls/completed", json=body), "There is no")
    refused(other.http.post(f"{path}/completed", json={}), "There is no version")
    refused(other.http.delete(path), "There is no version")
    wrong = {"objects": [{"key": "b.csv", "uploadId": upload["uploadId"], "urls": parts}]}
    refused(client.http.post(f"{path}/presigned-urls/completed", json=wrong), "There is no upload")
    for urls in ([], parts * 2 + [{"partNumber": "2", "etag": etag}], [{"partNumber": "1", "etag": "0" * 32}], [{}]):
        lie = {"objects": [{"key": "a.csv", "uploadId": upload["uploadId"], "urls": urls}]}
        refused(client.http.post(f"{path}/presigned-urls/completed", json=lie))
    assert client.seen() == before
    other.http.close()


BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"7",
    b'"x"',
    b"\xff\xfe",
    b"[" * 100_000,
    b"9" * 5000,
    b'{"name": 7}',
    b'{"name": null}',
    b'{"name": ["data"]}',
    b'{"name": %s}' % HALF.encode(),
    b'{"name": "data", "spec": null}',
    b'{"name": "data", "spec": []}',
    b'{"name": "data", "spec": {"source": 7}}',
    b'{"name": "data", "spec": {"source": %s}}' % HALF.encode(),
    b'{"name": "data", "spec": {"datastores": 7}}',
    b'{"name": "data", "spec": {"datastores": [7]}}',
    b'{"name": "data", "spec": {"datastores": [{"dsn": %s}]}}' % HALF.encode(),
    b'{"name": "data", "spec": {"datastores": [{"dsn": "datastore://grid/x", "id": "x", "mountPath": {}}]}}',
    b'{"objects": 7}',
    b'{"objects": [7]}',
    b'{"objects": [{"key": {}, "partCount": "1"}]}',
    b'{"objects": [{"key": "a", "partCount": [1]}]}',
    b'{"objects": [{"key": "a", "urls": 7}]}',
    b'{"username": 7}',
    b'{"username": %s, "apiKey": %s}' % (HALF.encode(), HALF.encode()),
    b'{"spec": {"desiredState": 7}}',
    b'{"spec": {"desiredState": "SESSION_STATE_NONE"}}',
]


@pytest.mark.parametrize("end", ["create", "presigned-urls", "completed", "sessions", "session", "runs", "login"])
def test_bodies_of_another_shape_are_refused(client: Client, end: str) -> None:
    path = client.begin()
    where = {
        "create": ("POST", client.versions),
        "presigned-urls": ("POST", f"{path}/presigned-urls"),
        "completed": ("POST", f"{path}/presigned-urls/completed"),
        "sessions": ("POST", "/v1/core/sessions"),
        "session": ("PUT", "/v1/core/sessions/none"),
        "runs": ("POST", "/v1/core/local/runs"),
        "login": ("POST", "/v1/auth/login"),
    }
    before = client.seen()
    for body in BODIES:
        if end == "create" and b'"datastores"' in body:
            continue  # a field that means nothing there is ignored
        if end in ("sessions", "runs") and b'"source"' in body:
            continue
        answer = client.http.request(*where[end], content=body, headers={"Content-Type": "application/json"})
        if end == "completed" and answer.status_code == 200:
            assert b"objects" not in body  # no objects are complete: nothing is to be done
            continue
        refused(answer)
    assert client.seen() == before


def test_credentials_that_are_none_are_refused(client: Client) -> None:
    user, key = client.user
    wrong = [
        "",
        "Basic",
        "Basic !!!",
        "Basic é",
        "Basic " + b64encode(b"\xff\xfe").decode(),
        "Basic " + b64encode(b"nobody").decode(),
        "Basic " + b64encode(f"{user}:{key}x".encode()).decode(),
        "Basic " + b64encode(f"{user}\x00:{key}".encode()).decode(),
        "Basic " + b64encode(f"{user}:".encode()).decode(),
        f"Bearer {key}",
        "Bearer é",
        "Negotiate x",
    ]
    for value in wrong:
        answer = httpx.get(f"{client.server.url}{client.versions}", headers=[(b"Authorization", value.encode())])
        refused(answer, "sign in")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")


def test_a_token_stands_for_its_user_until_it_expires(own_server: ServerProcess) -> None:
    user = own_server.add_user("ana")
    login = {"username": user.user_id, "apiKey": user.api_key}
    token = httpx.post(f"{own_server.url}/v1/auth/login", json=login).json()["token"]
    ask = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{own_server.url}/v1/auth/user", headers=ask).json()["id"] == user.user_id
    refused(httpx.get(f"{own_server.url}/v1/auth/user", headers={"Authorization": f"Bearer {token}x"}), "token")
    _expire_tokens(own_server)
    refused(httpx.get(f"{own_server.url}/v1/auth/user", headers=ask), "has expired")


def _expire_tokens(server: ServerProcess) -> None:
    import sqlite3

    with sqlite3.connect(server.folder / "data" / "catalog.sqlite") as catalog:
        assert catalog.execute("UPDATE tokens SET expires_at = '2020-01-01 00:00:00.000000'").rowcount == 1
    catalog.close()


def test_an_address_of_a_part_that_has_expired_is_refused(own_server: ServerProcess) -> None:
    """Signed with the server's own key, as it would have been yesterday."""
    import hmac
    import sqlite3

    client = Client(own_server, own_server.add_user("ana"))
    upload = client.announce(client.begin())
    catalog = sqlite3.connect(own_server.folder / "data" / "catalog.sqlite")
    (key,) = catalog.execute("SELECT value FROM settings WHERE key = 'signing-key'").fetchone()
    catalog.close()
    url = urlsplit(upload["urls"][0]["url"])
    now = dict(pair.split("=") for pair in url.query.split("&"))

    def signed(expires: str) -> str:
        return hmac.new(key.encode(), f"{url.path}\n{expires}".encode(), sha256).hexdigest()

    assert signed(now["expires"]) == now["signature"], "the test no longer signs as the server does"
    refused(httpx.put(f"{own_server.url}{url.path}?expires=1&signature={signed('1')}", content=b"x"), "expired")
    client.http.close()


def test_places_that_are_none_are_not_found(client: Client) -> None:
    before = client.seen()
    for path in (
        "/v1/core/other/datastores",
        "/v1/core/other/runs",
        "/v1/core/other/quota",
        "/v1/core/local/datastores/..%2f..",
        "/v1/core/local/datastores/%00",
        "/v1/core/local/datastores/" + "d" * 5000,
        "/v1/core/sessions/%ff",
        "/v1/none",
        "/v1/core/datastores/none/files",
        "/v1/downloads/none?path=a&user=b&expires=1&signature=c",
    ):
        refused(client.http.get(path))
    refused(client.http.request("DELETE", "/v1/core/local/datastores/all"))
    refused(client.http.request("DELETE", "/v1/core/local/datastores/"))
    refused(client.http.request("PATCH", "/v1/core/local/datastores"))
    body = {"name": "tuning", "spec": {"clusterId": "other", "datastores": []}}
    refused(client.http.post("/v1/core/sessions", json=body), "no cluster 'other'")
    assert client.seen() == before


@pytest.mark.parametrize("query", ["version=x", "version=-1", f"version={10**30}", "available=perhaps"])
def test_queries_that_are_none_are_refused(client: Client, query: str) -> None:
    for more in ("", "&name=data&includeDeleted=true"):
        refused(client.http.get(f"{client.versions}?{query}{more}"))


def test_pages_of_files_are_whole_numbers_and_never_empty(client: Client) -> None:
    path = client.begin()
    for key in ("a", "b", "c"):
        client.send(path, b"1", key)
    client.finish(path)
    files = f"/v1/core/datastores/{path.rpartition('/')[2]}/files"
    for query in ("pageToken=x", "pageSize=-1", "pageSize=" + "9" * 5000, "pageToken=1.5"):
        refused(client.http.get(f"{files}?{query}"), "whole number")
    assert len(client.http.get(f"{files}?pageSize=0").json()["files"]) == 3, "0 stands for the usual size"
    token, names = "", []
    for _ in range(4):
        page = client.http.get(f"{files}?pageSize=2&pageToken={token}").json()
        names += [file["filename"] for file in page["files"]]
        if not (token := page["nextPageToken"]):
            break
    assert names == ["a", "b", "c"]


def test_what_is_hardly_http_does_the_server_no_harm(client: Client) -> None:
    url = urlsplit(client.server.url)
    before = client.seen()
    for sent in (b"\x00\xff\r\n\r\n", b"GET /\x00 HTTP/1.1\r\n\r\n", b"PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):
        with socket.create_connection((url.hostname, url.port), timeout=30) as connection:
            connection.sendall(sent)
            assert connection.recv(65536).startswith(b"HTTP/1.1 4")
    upload = client.announce(path := client.begin())
    target = upload["urls"][0]["url"].removeprefix(client.server.url)
    with socket.create_connection((url.hostname, url.port), timeout=30) as connection:
        connection.sendall(f"PUT {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhalf".encode())
    held = client.server.data / path.rpartition("/")[2]
    wait_until(lambda: not list(held.iterdir()), "half a part is not kept")
    client.http.delete(path).raise_for_status()
    assert client.seen() == before
    assert "Traceback" not in (client.server.folder / "serve.log").read_text()
