"""Forms of the web UI have limits: what is over one is refused before it is kept, and the page says which it was."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from in_process import Browser

from grid_datastores.domain.model import User
from grid_datastores.server.app import create_app
from grid_datastores.server.ui import receiving
from grid_datastores.server.ui.web_session import COOKIE
from grid_datastores.service import Service
from grid_datastores.storage.manifest import MAX_PATH_LENGTH
from guide import limits

FORMS = ["/sign-in", "/upload/address", "/workloads/start", "/workloads/session/x/delete"]
KIB = 1024


def _upload(browser: Browser, count: int = 1, path: str = "{}.csv", **fields: str) -> httpx.Response:
    """The answer to a form with this many files."""
    files = [("files", (path.format(number), b"1")) for number in range(count)]
    return browser.send("POST", "/upload", data={"name": "data", **fields}, files=files)


def _said(answer: httpx.Response) -> str:
    return unescape(re.sub(r"<[^>]*>", "", answer.text))


def _refused(answer: httpx.Response, why: str) -> None:
    assert answer.status_code == 413, answer.status_code
    assert "This form is too large" in _said(answer)
    assert why in _said(answer), _said(answer)


def _made(answer: httpx.Response, number: int = 1) -> None:
    assert answer.status_code == 303, _said(answer)
    assert answer.headers["location"] == f"/datastores/data/versions/{number}"


@pytest.mark.proves("limits-of-forms")
def test_a_form_has_a_largest_number_of_files(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dict(limits.FORMS)["the files in a form of the web UI"] == "100,000"
    monkeypatch.setattr(receiving, "MAX_FILES", 3)
    _refused(_upload(browser, 4), "It can have at most 3 files. To upload more: grid datastore create")
    _made(_upload(browser, 3))


@pytest.mark.proves("limits-of-forms")
def test_the_paths_in_a_form_have_a_largest_size(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dict(limits.FORMS)["the paths of these files, together"] == "32 MiB"
    monkeypatch.setattr(receiving, "MAX_PATHS_SIZE", 15)
    _refused(_upload(browser, 3, "{}2.csv"), "The paths of its files can have at most 15 bytes together.")
    _made(_upload(browser, 3))


@pytest.mark.proves("limits-of-forms")
def test_a_form_with_files_has_a_largest_number_of_other_fields(browser: Browser) -> None:
    assert dict(limits.FORMS)["the other fields of a form"] == "50"
    fields = {f"f{number}": "" for number in range(49)}
    _refused(_upload(browser, more="", **fields), "It can have at most 50 fields besides its files.")
    _made(_upload(browser, **fields))


def test_a_field_beside_files_has_a_largest_size(browser: Browser) -> None:
    _refused(_upload(browser, more="x" * 4097), "Its field 'more' can have at most 4,096 bytes.")
    _made(_upload(browser, more="x" * 4096))


def test_a_form_takes_every_path_that_a_version_can_have_and_no_longer_header(browser: Browser) -> None:
    deep = ("é" * 100 + "/") * 5
    path = deep + "x" * (MAX_PATH_LENGTH - len(deep.encode()))
    sent = _upload(browser, path=quote(path, safe=""), **{"encoded-paths": "yes"})
    _made(sent)
    _refused(_upload(browser, path="x" * 30_000), "The name or the path of a part can have at most")


@pytest.mark.proves("limits-of-forms")
@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("multipart", [False, True])
def test_any_other_form_has_a_largest_number_and_size_of_fields(
    browser: Browser, path: str, *, multipart: bool
) -> None:
    assert dict(limits.FORMS)["a field of a form without files"] == "32 KiB"

    def send(fields: dict[str, str]) -> httpx.Response:
        if multipart:
            return browser.send("POST", path, files=[(name, (None, value)) for name, value in fields.items()])
        return browser.send("POST", path, data=fields)

    fields = {f"f{number}": "" for number in range(51)}
    for form in (fields, {"name": "x" * (32 * KIB + 1)}):
        _refused(send(form), "It can have at most 50 fields of 32,768 bytes each, and no files.")
    fields.popitem()
    assert send({**fields, "f0": "x" * 30 * KIB}).status_code != 413


def _sent(service: Service, user: User | None, path: str, length: int) -> tuple[int, str]:
    """The status and the body of the answer to a form of this length, which must not be read."""
    sent: list[Any] = []

    async def receive() -> Any:
        pytest.fail("It is read.")

    async def send(message: Any) -> None:
        sent.append(message)

    headers = {"host": "localhost", "sec-fetch-site": "same-origin", "content-length": str(length)}
    headers["content-type"] = "application/x-www-form-urlencoded"
    if user:
        headers["cookie"] = f"{COOKIE}={service.accounts.new_token(user)}"
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(create_app(service)({**scope, "scheme": "http", "headers": named}, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


@pytest.mark.proves("limits-of-the-api")
@pytest.mark.parametrize("path", FORMS)
def test_a_form_that_is_too_long_is_not_read(service: Service, ana: User, path: str) -> None:
    assert dict(limits.REQUESTS)["the body of a sign-in, a GraphQL query or a form of the web UI, without files"] == (
        "64 KiB"
    )
    status, said = _sent(service, ana, path, 64 * KIB + 1)
    assert (status, "The maximum is 65,536 bytes" in said) == (413, True)


@pytest.mark.parametrize("path", [*FORMS[1:], "/upload"])
def test_no_form_is_read_before_the_user_is_known(service: Service, path: str) -> None:
    assert _sent(service, None, path, 10)[0] == 303


@pytest.mark.parametrize(
    "paths", [["../x"], ["a", "a/b"], ["a\\b/../x"], ["a" * 300]], ids=["outside", "both", "dots", "long name"]
)
def test_a_form_with_a_path_that_no_version_can_have_takes_no_number(browser: Browser, paths: list[str]) -> None:
    files = [("files", (quote(path, safe=""), b"1")) for path in paths]
    fields = {"name": "data", "encoded-paths": "yes"}
    assert browser.send("POST", "/upload", data=fields, files=files).status_code == 400
    _made(_upload(browser))
