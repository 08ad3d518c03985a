"""Uploads that no client of ours sends: each is refused in the one form of errors, 4xx, and changes nothing."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any
from uuid import uuid4

import httpx
import pytest

from acceptance.waiting import wait_until
from reliability.hostile import Client, refused

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


def test_paths_that_are_none_are_refused_as_keys(client: Client) -> None:
    path = client.begin()
    before = client.seen()
    for key in PATHS:
        body = json.dumps({"objects": [{"key": key, "partCount": "1"}]})
        answer = client.http.post(f"{path}/presigned-urls", content=body, headers={"Content-Type": "application/json"})
        refused(answer, "is too long for a name" if len(key) > 255 else "is not a valid path in a version")
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
    refused(client.http.post(f"{path}/presigned-urls", json={"objects": objects[:1] * 2}), "only once")
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


@pytest.mark.proves("lying-manifest-fails-its-version")
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
