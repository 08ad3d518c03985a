"""The limits that the reference page lists: the API takes what is just within each, and refuses what is over it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from manual_clock import Clock

from grid_datastores.domain.errors import NotSignedIn, Refusal, TooManyAttempts
from grid_datastores.domain.model import Source, SourceKind, User
from grid_datastores.server.app import create_app
from grid_datastores.server.signing_in import Attempts, Links
from grid_datastores.service import Service
from grid_datastores.service.uploads import Uploads
from grid_datastores.sources import scan
from guide import limits

MIB = 1024 * 1024
CORE = "/v1/core/local"


class Api:
    """The API in this process, signed in as a user."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.user, self._key = service.accounts.add("ben")
        self._app = create_app(service)

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._call(method, path, options))

    async def _call(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", auth=("ben", self._key)
        ) as client:
            return await client.request(method, path, **options)

    def upload(self) -> str:
        """Return the address of a version that waits for its data."""
        version = self.service.uploads.begin(self.user, "data", Source(SourceKind.FILES, "data"))
        return f"{CORE}/datastores/{version.id}"


@pytest.fixture
def api(service: Service) -> Api:
    return Api(service)


def _said(rows: tuple[tuple[str, Any], ...], what: str) -> Any:
    """What the page says of this limit."""
    return dict(rows)[what]


def _reason(answer: httpx.Response) -> str:
    return str(answer.json()["details"][0]["reason"])


@pytest.mark.proves("limits-of-the-api")
def test_a_body_has_a_largest_size(api: Api) -> None:
    assert _said(limits.REQUESTS, "the body of a request") == "1 MiB"
    assert _said(limits.REQUESTS, "a body that announces or completes objects") == "16 MiB"
    urls = f"{api.upload()}/presigned-urls"
    for path, size in (("/v1/core/sessions", MIB), (urls, 16 * MIB), (f"{urls}/completed", 16 * MIB)):
        assert api("POST", path, content=b" " * size).status_code == 400, path
        assert _reason(api("POST", path, content=b" " * (size + 1))) == "REQUEST_TOO_LARGE"


@pytest.mark.proves("limits-of-the-api")
def test_a_manifest_has_a_largest_size(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _said(limits.REQUESTS, "a manifest") == "256 MiB"
    path = f"{api.upload()}/manifest"
    monkeypatch.setattr("grid_datastores.server.routes.uploads.MAX_MANIFEST", 3)
    assert _reason(api("PUT", path, content=b"1234")) == "REQUEST_TOO_LARGE"
    assert _reason(api("PUT", path, content=b"123")) != "REQUEST_TOO_LARGE"


@pytest.mark.proves("limits-of-the-api")
def test_a_request_announces_a_limited_number_of_objects_and_parts(api: Api) -> None:
    assert _said(limits.REQUESTS, "the objects that one request announces or completes") == "3,000"
    assert _said(limits.REQUESTS, "the parts of one object") == "10,000"
    assert _said(limits.REQUESTS, "the parts that one request announces or completes") == "100,000"
    path = f"{api.upload()}/presigned-urls"

    def announce(objects: int, parts: int) -> int:
        body = {"objects": [{"key": f"{parts}/{number}", "partCount": str(parts)} for number in range(objects)]}
        return api("POST", path, json=body).status_code

    assert (announce(3000, 1), announce(3001, 1)) == (200, 400)
    assert (announce(1, 10_000), announce(1, 10_001)) == (200, 400)
    assert announce(11, 10_000) == 400


@pytest.mark.proves("limits-of-the-api")
def test_a_request_completes_a_limited_number_of_objects_and_parts(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    completed: list[int] = []
    monkeypatch.setattr(Uploads, "complete_objects", lambda _self, _user, _id, objects: completed.append(len(objects)))
    path = f"{api.upload()}/presigned-urls/completed"

    def complete(objects: int, parts: int) -> int:
        urls = [{"partNumber": str(number), "etag": "x"} for number in range(1, parts + 1)]
        body = {"objects": [{"key": "a", "uploadId": "x", "urls": urls}] * objects}
        return api("POST", path, json=body).status_code

    assert (complete(3000, 1), complete(3001, 1)) == (200, 400)
    assert (complete(1, 10_000), complete(1, 10_001)) == (200, 400)
    assert (complete(10, 10_000), complete(11, 9_999)) == (200, 400)
    assert completed == [3000, 1, 10]


@pytest.mark.proves("limits-of-the-api")
def test_a_session_and_a_run_mount_a_limited_number_of_versions(api: Api) -> None:
    assert _said(limits.REQUESTS, "the versions that a Session or Run mounts") == "1,000"
    for path, mount in (("/v1/core/sessions", {"dsn": f"datastore://grid/{'0' * 32}"}), (f"{CORE}/runs", {"id": "x"})):
        for count, status in ((1000, 404), (1001, 400)):
            answer = api("POST", path, json={"name": "a", "spec": {"datastores": [mount] * count}})
            assert answer.status_code == status, answer.text


@pytest.mark.proves("openapi-has-maximums-of-lists")
def test_the_description_says_how_many_items_each_list_of_a_request_can_have(api: Api) -> None:
    described = api("GET", "/openapi.json").json()
    schemas = described["components"]["schemas"]

    def lists(schema: dict[str, Any], seen: frozenset[str] = frozenset()) -> Iterator[tuple[str, Any]]:
        """The lists in a schema, with their maximums."""
        if name := schema.get("$ref", "").rpartition("/")[2]:
            if name not in seen:
                yield from lists(schemas[name], seen | {name})
            return
        for key, inner in schema.get("properties", {}).items():
            if inner.get("type") == "array":
                yield key, inner.get("maxItems")
            yield from lists(inner.get("items", inner), seen)

    found = []
    for operations in described["paths"].values():
        for operation in operations.values():
            contents = operation.get("requestBody", {}).get("content", {}).values()
            found += [item for content in contents for item in lists(content["schema"])]
            for parameter in operation.get("parameters", []):
                if parameter["schema"].get("type") == "array":
                    found.append((parameter["name"], parameter["schema"].get("maxItems")))
    maximums = {"objects": 3000, "urls": 10_000, "datastores": 1000, "id": 100}
    assert {name for name, _ in found} == set(maximums)
    assert [item for item in found if item[1] != maximums[item[0]]] == []


@pytest.mark.proves("limits-of-the-api")
def test_a_request_for_deletions_has_a_limited_number_of_ids(api: Api) -> None:
    assert _said(limits.REQUESTS, "the ids in one request for deletions") == "100"
    answers = [api("GET", f"{CORE}/deletions", params={"id": ["x"] * count}).status_code for count in (100, 101)]
    assert answers == [200, 400]


@pytest.mark.proves("files-are-listed-in-pages")
def test_files_are_listed_in_pages(api: Api, tmp_path: Path) -> None:
    assert _said(limits.REQUESTS, "the files in a page of the list") == "1,000"
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(1001):
        (folder / f"{number:04}").touch()
    source = scan(str(folder))
    version = api.service.uploads.create(api.user, "many", source.source, source.files)
    first = api("GET", f"/v1/core/datastores/{version.id}/files").json()
    assert (len(first["files"]), first["nextPageToken"]) == (1000, "1000")
    for asked, names, token in (
        ({"pageToken": "1000"}, ["1000"], ""),
        ({"pageToken": "999", "pageSize": "1"}, ["0999"], "1000"),
        ({"pageToken": "5000"}, [], ""),
        ({"pageSize": "1001"}, [f"{number:04}" for number in range(1000)], "1000"),
    ):
        page = api("GET", f"/v1/core/datastores/{version.id}/files", params=asked).json()
        assert ([file["filename"] for file in page["files"]], page["nextPageToken"]) == (names, token)


@pytest.mark.proves("limits-of-the-api")
def test_a_query_and_the_name_of_a_workload_have_a_largest_length(api: Api) -> None:
    assert _said(limits.LENGTHS, "a GraphQL query") == "10,000 characters"
    assert _said(limits.LENGTHS, "the name of a datastore, Session, Run or user") == "63 characters"
    query = "{getUser{userId}}"
    for length, status in ((10_000, 200), (10_001, 400)):
        headers = {"X-Grid-User": "ben", "X-Grid-Key": api._key}
        assert api("POST", "/graphql", json={"query": query.ljust(length)}, headers=headers).status_code == status
    for path in ("/v1/core/sessions", f"{CORE}/runs", f"{CORE}/datastores"):
        for length, status in ((63, 200), (64, 400)):
            assert api("POST", path, json={"name": "a" * length, "spec": {}}).status_code == status, path


@pytest.mark.proves("token-lives-twelve-hours")
def test_a_token_lives_for_twelve_hours_or_as_briefly_as_it_is_asked_for(api: Api, clock: Clock) -> None:
    def new_token(duration: str) -> str:
        body = {"username": "ben", "apiKey": api._key, "duration": duration}
        return str(api("POST", "/v1/auth/login", json=body).json()["token"])

    def accepted(token: str) -> bool:
        headers = {"Authorization": f"Bearer {token}"}
        return api("GET", "/v1/auth/user", auth=None, headers=headers).status_code == 200

    usual, short = new_token(""), new_token("60")
    for seconds, valid in ((59, (True, True)), (2, (True, False)), (12 * 3600 - 62, (True, False))):
        clock.go(seconds)
        assert (accepted(usual), accepted(short)) == valid
    clock.go(2)
    assert not accepted(usual)


@pytest.mark.proves("limits-of-the-api")
def test_addresses_expire(api: Api, clock: Clock, tmp_path: Path) -> None:
    assert _said(limits.TIMES, "the address of a part") == timedelta(hours=24)
    assert _said(limits.TIMES, "the address of a file") == timedelta(minutes=15)
    body = {"objects": [{"key": "a", "partCount": "1"}]}
    part = api("POST", f"{api.upload()}/presigned-urls", json=body).json()["objects"][0]["urls"][0]["url"]
    (tmp_path / "birds.csv").write_text("a,b\n", "utf-8")
    source = scan(str(tmp_path / "birds.csv"))
    version = api.service.uploads.create(api.user, "birds", source.source, source.files)
    (file,) = api("GET", f"/v1/core/datastores/{version.id}/files").json()["files"]
    for url, hours in ((part, 24.0), (file["url"], 0.25)):
        (expires,) = parse_qs(urlsplit(url).query)["expires"]
        assert float(expires) == pytest.approx(clock().timestamp() + hours * 3600, abs=1)
    clock.go(15 * 60 + 1)
    assert api("GET", file["url"]).status_code >= 400


@pytest.mark.proves("how-long-a-sign-in-link-lives")
def test_a_sign_in_link_works_once_and_for_an_hour(ana: User) -> None:
    assert _said(limits.TIMES, "a sign-in link, which works once") == timedelta(hours=1)
    now = [0.0]
    links = Links(lambda: now[0])
    first, second, third = links.new(ana), links.new(ana), links.new(ana)
    assert links.use(first) == ana
    with pytest.raises(NotSignedIn):
        links.use(first)
    now[0] = 3599.0
    assert links.use(second) == ana
    now[0] = 3600.0
    with pytest.raises(NotSignedIn):
        links.use(third)


@pytest.mark.proves("wrong-keys-are-limited")
def test_wrong_keys_are_limited_for_one_user_from_one_address(service: Service) -> None:
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    _user, key = service.accounts.add("ben")

    def refused(key: str, name: str = "ben", address: str = "10.0.0.1") -> type[Refusal] | None:
        try:
            attempts.sign_in(service.accounts, name, key, address)
        except Refusal as refusal:
            return type(refusal)
        return None

    assert [refused("wrong") for _ in range(11)] == [NotSignedIn] * 10 + [TooManyAttempts]
    assert refused(key) is None
    assert refused("wrong") is TooManyAttempts
    assert refused("wrong", address="10.0.0.2") is NotSignedIn
    assert refused("wrong", name="eve") is NotSignedIn
    now[0] = 100.0
    with pytest.raises(TooManyAttempts) as caught:
        attempts.sign_in(service.accounts, "ben", "wrong", "10.0.0.1")
    assert caught.value.metadata["retryAfter"] in ("200", "201")
    now[0] = 299.0
    assert refused("wrong") is TooManyAttempts
    now[0] = 300.0
    assert refused("wrong") is NotSignedIn


@pytest.mark.proves("wrong-keys-are-limited")
def test_the_answer_to_too_many_wrong_keys_says_how_long_to_wait(api: Api) -> None:
    *answers, last = [api("GET", "/v1/auth/user", auth=("ben", "wrong")) for _ in range(11)]
    assert {answer.status_code for answer in answers} == {401}
    assert (last.status_code, _reason(last)) == (429, "TOO_MANY_ATTEMPTS")
    assert 1 <= int(last.headers["Retry-After"]) <= 300
    assert f"{last.headers['Retry-After']} seconds" in last.json()["message"]
    assert api("GET", "/v1/auth/user").status_code == 200


@pytest.mark.proves("a-version-is-one-of-files-by-default")
def test_a_version_without_a_kind_of_source_is_one_of_files(api: Api) -> None:
    made = api("POST", f"{CORE}/datastores", json={"name": "birds", "spec": {"source": "s3://birds"}}).json()
    assert made["spec"]["sourceType"] == "DATASTORE_SOURCE_TYPE_EXPANDED_FILES"
