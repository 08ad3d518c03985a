"""Requests that no client of ours sends: each is answered in the one form of errors, 4xx, and changes nothing."""

from __future__ import annotations

import socket
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from http.client import HTTPResponse
from urllib.parse import urlsplit

import httpx
import pytest

from acceptance.server import ServerProcess
from acceptance.waiting import wait_until
from reliability.hostile import HALF, Client, refused

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


@pytest.mark.proves("errors-have-one-form")
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


@pytest.mark.proves("missing-or-wrong-key-is-401")
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
        refused(answer, "grid login")
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


@pytest.mark.proves("expired-address-refused")
def test_an_address_of_a_part_that_has_expired_is_refused(own_server: ServerProcess) -> None:
    """Signed with the server's own key, as it would have been yesterday."""
    import hmac
    import sqlite3

    client = Client(own_server, own_server.add_user("ana"))
    upload = client.announce(client.begin())
    catalog = sqlite3.connect(own_server.folder / "data" / "catalog.sqlite")
    (signing_key,) = catalog.execute("SELECT value FROM settings WHERE key = 'signing-key'").fetchone()
    (key_hash,) = catalog.execute("SELECT key_hash FROM users WHERE name = 'ana'").fetchone()
    catalog.close()
    url = urlsplit(upload["urls"][0]["url"])
    now = dict(pair.split("=") for pair in url.query.split("&"))

    def signed(expires: str) -> str:
        key = hmac.digest(signing_key.encode(), key_hash.encode(), "sha256")
        return hmac.new(key, f"{url.path}\n{expires}".encode(), sha256).hexdigest()

    assert signed(now["expires"]) == now["signature"], "the test no longer signs as the server does"
    refused(httpx.put(f"{own_server.url}{url.path}?expires=1&signature={signed('1')}", content=b"x"), "expired")
    client.http.close()


@pytest.mark.proves("errors-have-one-form")
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


@pytest.mark.proves("list-include-deleted")
def test_a_list_has_the_deleted_versions_that_it_is_asked_for(client: Client) -> None:
    first, second = client.begin(), client.begin()
    client.http.delete(first).raise_for_status()
    client.send(second, b"1")
    client.finish(second)

    def listed(query: str) -> list[int]:
        found = client.http.get(f"{client.versions}?{query}").raise_for_status().json()["datastores"]
        return [item["spec"]["version"] for item in found]

    assert listed("") == listed("includeDeleted=false") == [2]
    assert listed("includeDeleted=true") == listed("includeDeleted=true&name=data") == [1, 2]
    assert listed("includeDeleted=true&version=1") == listed("includeDeleted=true&name=data&version=1") == [1]
    assert listed("includeDeleted=true&available=true") == listed("available=true") == [2]
    assert listed("includeDeleted=true&available=true&name=data&version=1") == []
    assert listed("includeDeleted=true&name=other") == listed("includeDeleted=true&name=other&version=1") == []


@pytest.mark.proves("unknown-source-type-refused")
@pytest.mark.parametrize("kind", ["COMPRESSED_FILE", "FSX", "NONE"])
def test_a_type_of_source_that_is_not_known_is_refused(client: Client, kind: str) -> None:
    before = client.seen()
    name = f"DATASTORE_SOURCE_TYPE_{kind}"
    body = {"name": "data", "spec": {"source": "https://example.com/a.zip", "sourceType": name}}
    refused(client.http.post(client.versions, json=body), f"'{name}' is not a source type", "_EXPANDED_FILES")
    assert client.seen() == before
    body["spec"] = {"sourceType": "DATASTORE_SOURCE_TYPE_UNSPECIFIED"}
    assert client.http.post(client.versions, json=body).json()["spec"]["sourceType"].endswith("EXPANDED_FILES")


@pytest.mark.proves("token-duration")
def test_a_token_is_valid_for_as_long_as_it_is_asked_for(client: Client) -> None:
    def login(duration: str) -> httpx.Response:
        body = {"username": client.user.user_id, "apiKey": client.user.api_key, "duration": duration}
        return httpx.post(f"{client.server.url}/v1/auth/login", json=body)

    def accepted(token: str) -> bool:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{client.server.url}/v1/auth/user", headers=headers).is_success

    for duration in ("", "3600", "43200s"):
        assert accepted(login(duration).raise_for_status().json()["token"])
    short = login("1s").raise_for_status().json()["token"]
    wait_until(lambda: not accepted(short), "it has expired")
    for wrong in ("-1", "0", "1h", "soon", "1.5s", "43201"):
        refused(login(wrong), "It must be a whole number from 1 to 43200.")


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


def _mebibytes(count: int) -> Iterator[bytes]:
    yield from (b"a" * 2**20 for _ in range(count))


def test_strangers_fill_no_memory(own_server: ServerProcess) -> None:
    before = own_server.peak()
    for method, path, status in (
        ("PUT", "/v1/core/local/datastores/x/manifest", 401),
        ("POST", "/v1/auth/login", 413),
        ("POST", "/graphql", 413),
        ("POST", "/v1/core/local/datastores/x/presigned-urls", 401),
    ):
        answer = httpx.request(method, f"{own_server.url}{path}", content=_mebibytes(200))
        refused(answer, "not signed in" if status == 401 else "too large")
        assert answer.status_code == status, path
    page = httpx.post(
        f"{own_server.url}/sign-in",
        content=_mebibytes(200),
        headers={"content-type": "application/x-www-form-urlencoded", "origin": own_server.url},
    )
    assert page.status_code == 413
    assert "This request is too large" in page.text
    assert page.headers["content-type"].startswith("text/html")
    assert own_server.peak() - before < 100 * 2**20


@pytest.mark.proves("parts-of-at-most-5-gib")
def test_a_part_of_more_than_5_gib_is_refused_before_it_is_sent(client: Client) -> None:
    url = urlsplit(client.server.url)
    target = client.announce(path := client.begin())["urls"][0]["url"].removeprefix(client.server.url)
    with socket.create_connection((url.hostname, url.port), timeout=30) as connection:
        head = f"PUT {target} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {5 * 2**30 + 1}\r\n\r\n"
        connection.sendall(head.encode())
        answer = HTTPResponse(connection)
        answer.begin()
        assert answer.status == 400
        assert b"at most 5368709120 bytes" in answer.read()
    client.http.delete(path).raise_for_status()


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
