"""What strangers and other sites try: none of it works, and each is told in a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import httpx
import pytest

from acceptance.server import ServerProcess
from reliability.ui.person import Person, alert, at, stocked

DELETE = "/datastores/data/versions/1/delete"
PAGES = [
    "/",
    "/datastores/data",
    "/failed-uploads",
    "/deleted-versions",
    "/datastores/data/versions/1",
    DELETE,
    "/upload",
    "/workloads",
    "/workloads/start",
]
CHANGES = [
    DELETE,
    "/upload/address",
    "/workloads/start",
    "/workloads/session/x/delete",
    "/sign-out",
]
SCRIPT = {"x-requested-with": "XMLHttpRequest"}


@pytest.fixture(scope="module")
def kept(shared_server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody with versions 1, 2 and 3 of `data`, who keeps them and stays signed in in all these tests."""
    with closing(stocked(shared_server, tmp_path_factory.mktemp("kept"))) as person:
        yield person


def test_every_answer_tells_browsers_to_be_careful(kept: Person) -> None:
    for path in (*PAGES, "/sign-in", "/nope", "/static/base.css", "/v1/auth/user"):
        headers = kept.http.get(path).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'", path
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'", path
        assert policy["frame-ancestors"] == "'none'", path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == ("no-cache" if path.startswith("/static/") else "no-store"), path


def test_no_page_has_a_script_or_style_of_its_own(kept: Person) -> None:
    for path in PAGES:
        text = kept.http.get(path).text
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), path
        assert not re.search(r"<script(?! src=\"/static/)", text), path
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", text), path


def test_the_cookie_is_for_this_server_alone(shared_server: ServerProcess) -> None:
    user = shared_server.add_user(f"eve-{uuid4().hex[:8]}")
    with at(shared_server) as http:
        answer = http.post("/sign-in", data={"name": user.user_id, "key": user.api_key})
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(r"grid_session=[\w-]{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=strict", cookie), cookie


def test_who_is_not_signed_in_sees_nothing(shared_server: ServerProcess, kept: Person) -> None:
    before = kept.api.state()
    with at(shared_server) as stranger:
        for path in PAGES:
            answer = stranger.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/sign-in"), path
        for path in CHANGES:
            assert stranger.post(path).headers["location"] == "/sign-in?ended=yes", path
    assert kept.api.state() == before


def test_a_form_after_the_session_has_ended_leads_back_to_its_page(shared_server: ServerProcess, kept: Person) -> None:
    wanted = "/workloads/start?name=data&version=1"
    with at(shared_server) as late:
        for referer, then in ((wanted, wanted), ("/", "/"), ("https://evil.example/x", "/")):
            page = f"{shared_server.url}{referer}" if referer.startswith("/") else referer
            sent = late.post("/workloads/start", headers={"referer": page})
            answer = late.get(sent.headers["location"])
            assert alert(answer) == "Your session has ended. Nothing was done. Sign in and try again."
            fields = {
                "name": kept.user.user_id,
                "key": kept.user.api_key,
                "then": sent.next_request.url.params.get("then", ""),
            }
            with at(shared_server) as again:
                assert again.post("/sign-in", data=fields).headers["location"] == then
        for answer in (late.get("/upload", headers=SCRIPT), late.post("/upload", headers=SCRIPT)):
            assert answer.status_code == 401
            assert alert(answer) == "Your session has ended. Nothing was done. Sign in and try again."


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}, {"origin": ""}],
    ids=["another site", "a sandboxed page", "as the browser tells", "nothing told"],
)
def test_a_form_of_another_site_changes_nothing(kept: Person, headers: dict[str, str]) -> None:
    before = kept.api.state()
    for path in (*CHANGES, "/sign-in"):
        answer = kept.http.post(path, headers=headers)
        assert answer.status_code == 403, path
        assert "not sent from a page of this server" in alert(answer)
    assert kept.http.post("/upload", files={"files": ("a", b"1")}, headers=headers).status_code == 403
    assert kept.api.state() == before


@pytest.mark.proves("other-hosts-refused")
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "10.0.0.1", ""])
def test_a_request_for_another_host_is_refused_by_pages_and_api_alike(kept: Person, host: str) -> None:
    for path in ("/", "/sign-in", "/v1/auth/user", "/static/base.css"):
        answer = kept.http.get(path, headers={"host": host})
        assert answer.status_code == 421, path
        assert answer.json()["details"][0]["reason"] == "HOST_NOT_ALLOWED"
        assert "does not accept requests for the host" in answer.json()["message"]


@pytest.mark.proves("operator-allows-hosts")
def test_the_operator_can_allow_a_host(own_server: ServerProcess) -> None:
    own_server.operate({"GRID_ALLOWED_HOSTS": "grid.example, Data.example"})
    for host, status in (("grid.example", 200), ("data.example:80", 200), ("evil.example", 421)):
        assert httpx.get(f"{own_server.url}/sign-in", headers={"host": host}).status_code == status


@pytest.mark.proves("wrong-keys-are-counted")
def test_wrong_keys_are_counted_for_pages_and_api_together(shared_server: ServerProcess) -> None:
    user = shared_server.add_user(f"eve-{uuid4().hex[:8]}")
    with at(shared_server) as http:
        for _ in range(4):
            answer = http.post("/sign-in", data={"name": user.user_id, "key": "guess"})
            assert (answer.status_code, alert(answer)) == (401, "The user or the key is wrong.")
            assert http.post("/v1/auth/login", json={"username": user.user_id, "apiKey": "guess"}).status_code == 401
        for _ in range(2):
            assert http.get("/v1/auth/user", auth=(user.user_id, "guess")).status_code == 401
        page = http.post("/sign-in", data={"name": user.user_id, "key": "guess"})
        api = http.post("/v1/auth/login", json={"username": user.user_id, "apiKey": "guess"})
        assert (page.status_code, api.status_code) == (429, 429)
        for answer in (page, api):
            assert 0 < int(answer.headers["retry-after"]) <= 301
        assert api.json()["details"][0]["reason"] == "TOO_MANY_ATTEMPTS"
        assert "too many attempts" in alert(page)
        other = shared_server.add_user(f"zoe-{uuid4().hex[:8]}")  # nobody else has to wait
        assert http.post("/sign-in", data={"name": other.user_id, "key": "guess"}).status_code == 401


@pytest.mark.proves("wrong-keys-are-counted")
def test_who_has_the_key_is_let_in_however_many_wrong_ones_came_before(shared_server: ServerProcess) -> None:
    user = shared_server.add_user(f"eve-{uuid4().hex[:8]}")
    with at(shared_server) as http:
        asked = [http.get("/v1/auth/user", auth=(user.user_id, "stale")).status_code for _ in range(12)]
        assert asked == [401] * 10 + [429] * 2
        for _ in range(2):
            assert http.get("/v1/auth/user", auth=user).status_code == 200
            login = {"username": user.user_id, "apiKey": user.api_key}
            assert http.post("/v1/auth/login", json=login).status_code == 200
        assert http.post("/sign-in", data={"name": user.user_id, "key": user.api_key}).status_code == 303
        guessed = http.get("/v1/auth/user", auth=(user.user_id, "stale"))
        assert guessed.status_code == 429, "the right key does not make room for more guesses"


def test_who_guesses_cannot_say_that_they_are_somewhere_else(shared_server: ServerProcess) -> None:
    user = shared_server.add_user(f"eve-{uuid4().hex[:8]}")
    with httpx.Client(base_url=shared_server.url, auth=(user.user_id, "guess")) as http:
        asked = [
            http.get("/v1/auth/user", headers={"x-forwarded-for": f"9.9.9.{n}", "x-forwarded-proto": "https"})
            for n in range(12)
        ]
    assert [answer.status_code for answer in asked] == [401] * 10 + [429] * 2


def test_who_has_signed_out_is_signed_out(ana: Person) -> None:
    kept = ana.http.cookies["grid_session"]
    assert ana.press("/sign-out").headers["location"] == "/sign-in"
    assert "grid_session" not in ana.http.cookies
    assert ana.http.get("/", headers={"cookie": f"grid_session={kept}"}).headers["location"].startswith("/sign-in")
    ana.api.state()  # the key works on


@pytest.mark.parametrize(
    "then",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:x",
        "/a\r\nb",
        "/a?b\r\nc",
        "/?\\evil.example",
        "?//evil.example",
        "//evil.example?/",
    ],
)
def test_signing_in_leads_to_no_other_site(shared_server: ServerProcess, then: str) -> None:
    user = shared_server.add_user(f"eve-{uuid4().hex[:8]}")
    fields = {"name": user.user_id, "key": user.api_key, "then": then}
    with at(shared_server) as http:
        assert http.post("/sign-in", data=fields).headers["location"] == "/"


@pytest.mark.parametrize(
    "wanted", ["/datastores/data/versions/1", "/workloads/start?name=data&version=1", "/datastores/a%20%3C/versions/1"]
)
def test_signing_in_leads_back_to_the_page_that_was_asked_for(
    shared_server: ServerProcess, kept: Person, wanted: str
) -> None:
    asked = httpx.get(f"{shared_server.url}{wanted}", follow_redirects=True)
    assert asked.url.path == "/sign-in"
    fields = {"name": kept.user.user_id, "key": kept.user.api_key, "then": asked.url.params["then"]}
    with at(shared_server) as http:
        assert http.post("/sign-in", data=fields).headers["location"] == wanted


@pytest.mark.proves("start-link-signs-in-once")
def test_the_link_of_a_start_signs_in_once(own_server: ServerProcess) -> None:
    link = own_server.restart_and_read_link()
    with at(own_server) as http:
        assert "Sign in as" in http.get(link).text  # who only looks has used nothing
        answer = http.post(link)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert http.get(f"{own_server.url}/").status_code == 200
    with at(own_server) as http:
        used = http.post(link)
    for again in (httpx.get(link), used, httpx.get(f"{own_server.url}/sign-in/guess")):
        assert again.status_code == 401
        assert "Sign in with your user name and key" in alert(again)
    assert httpx.get(link, headers={"host": "evil.example"}).status_code == 421
    assert httpx.post(own_server.restart_and_read_link(), headers={"origin": "http://evil.example"}).status_code == 403


@pytest.mark.proves("reload-deletes-nothing")
def test_one_form_deletes_one_version_however_it_is_sent(ana: Person) -> None:
    fields = {"number": "2", "version": ["2", "3"], "name": "data", "all": "yes"}
    receipt = ana.http.post(DELETE, data=fields)
    assert receipt.status_code == 303
    assert ana.api.listed("data") == [(2, "available"), (3, "available")]
    again = ana.http.post(DELETE)
    assert again.status_code == 410
    assert "was already deleted on" in alert(again)
    for _ in range(2):  # reloading the receipt
        assert "2 of 50</strong> versions now, 3 before" in ana.http.get(receipt.headers["location"]).text
    forged = receipt.headers["location"].replace("before=3", "before=49")
    assert forged != receipt.headers["location"]
    assert "49 before" not in ana.http.get(forged).text
    assert ana.api.listed("data") == [(2, "available"), (3, "available")]


@pytest.mark.parametrize("number", ["latest", "all", "*", "0", "-1", "1.0", "1,2", "2;3", "9" * 30, "%32%2C3"])
def test_no_word_in_an_address_stands_for_a_version(kept: Person, number: str) -> None:
    before = kept.api.state()
    for answer in (
        kept.http.get(f"/datastores/data/versions/{number}/delete"),
        kept.press(f"/datastores/data/versions/{number}/delete"),
    ):
        assert answer.status_code in (400, 404)
        assert alert(answer)
    assert kept.http.get("/datastores/data/versions//delete").status_code == 404
    assert kept.press("/datastores/data/delete").status_code == 404
    assert kept.api.state() == before


_NAME = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\ndata\r\n'
_FILE = b'--x\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n1'


@pytest.mark.proves("cut-off-browser-upload-stores-nothing")
@pytest.mark.parametrize(
    "body", [b"", b"--x\r\n", _FILE % b"a", _NAME + _FILE % b"a" + b"\r\n" + _FILE % b"b", b"no form at all"]
)
def test_a_form_with_files_that_is_cut_off_keeps_nothing(kept: Person, body: bytes) -> None:
    before = kept.api.state()
    answer = kept.http.post("/upload", content=body, headers={"content-type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 400, answer.text
    assert kept.http.post("/upload", content=body).status_code == 400
    assert kept.api.state() == before


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "a\\b", ".", "a//b"])
def test_a_path_that_leads_out_of_a_version_is_refused(kept: Person, path: str) -> None:
    before = kept.api.state()
    answer = kept.http.post("/upload", data={"name": "data"}, files={"files": (path, b"x")})
    assert answer.status_code == 400
    assert "is not a valid path in a version" in alert(answer)
    assert kept.api.state() == before
