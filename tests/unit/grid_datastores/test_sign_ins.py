"""A user sees where they are signed in, and ends it; a new key ends it everywhere."""

from __future__ import annotations

import re
from datetime import timedelta
from threading import Thread

import httpx
import pytest
from in_process import Browser
from manual_clock import Clock

from grid_datastores.domain.errors import NotSignedIn
from grid_datastores.domain.model import User
from grid_datastores.domain.sign_ins import Client, SignInKind
from grid_datastores.server.state import State
from grid_datastores.server.ui.web_session import COOKIE
from grid_datastores.service import Service
from grid_datastores.service.accounts import Accounts

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"


@pytest.fixture
def bea(service: Service) -> tuple[User, str]:
    return service.accounts.add("bea")


def _signed_in(service: Service, user: User, key: str, agent: str = FIREFOX) -> Browser:
    """The user in a browser, signed in with the key at the page for that."""
    visitor = Browser(service)
    answer = visitor.send("POST", "/sign-in", data={"name": user.name, "key": key}, headers={"user-agent": agent})
    assert answer.status_code == httpx.codes.SEE_OTHER
    return Browser(service, user, token=answer.cookies[COOKIE])


def _rows(page: str) -> list[str]:
    return [
        " ".join(re.sub("<[^>]*>", " ", row).split()) for row in re.findall(r"<tr role.*?</tr>", page, re.DOTALL)[1:]
    ]


@pytest.mark.proves("sign-ins-are-listed")
def test_the_page_lists_the_browsers_and_programs_that_are_signed_in(
    service: Service, bea: tuple[User, str], clock: Clock
) -> None:
    first = _signed_in(service, *bea)
    clock.go(3600)
    second = _signed_in(service, *bea, agent=f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Edg/141.0.0.0")
    login = {"username": "bea", "apiKey": bea[1]}
    first.send("POST", "/v1/auth/login", json=login, headers={"user-agent": "curl/8.5.0 <b>"})
    clock.go(90)
    assert '<a href="/sign-ins"><span class="who" title="bea">' in second.get("/")
    rows = _rows(second.get("/sign-ins"))
    time = "2026-01-01 {} UTC".format
    assert sorted(rows) == [
        "Edge on Windows this one 127.0.0.1 " + f"{time('01:00:00')} {time('01:01:30')} Sign out here",
        "Firefox on Linux 127.0.0.1 "
        f"{time('00:00:00')} {time('00:00:00')} End Firefox on Linux, signed in since {time('00:00:00')}",
        "curl/8.5.0 API token 127.0.0.1 "
        f"{time('01:00:00')} {time('01:00:00')} End curl/8.5.0, signed in since {time('01:00:00')}",
    ]
    clock.go(11 * 3600)
    assert len(_rows(second.get("/sign-ins"))) == 2  # the first has expired


@pytest.mark.proves("a-sign-in-is-ended", "all-other-sign-ins-are-ended")
def test_the_page_ends_one_or_all_others(service: Service, ana: User, bea: tuple[User, str]) -> None:
    here, there, elsewhere = (_signed_in(service, *bea) for _ in range(3))
    others = [one.id for one in service.accounts.sign_ins(bea[0], here.token) if not one.current]
    stranger = Browser(service, ana, token=service.accounts.new_token(ana))
    assert stranger.press(f"/sign-ins/{others[0]}/end").status_code == httpx.codes.SEE_OTHER
    assert len(service.accounts.sign_ins(bea[0])) == 3  # nobody ends another user's
    for _ in range(2):  # sent twice, it ends it once
        answer = here.press(f"/sign-ins/{others[0]}/end")
        assert answer.headers["location"] == "/sign-ins?ended=one"
    assert "That sign-in has ended." in here.get("/sign-ins?ended=one")
    assert sorted([there.send("GET", "/").status_code, elsewhere.send("GET", "/").status_code]) == [200, 303]
    assert here.press("/sign-ins/end-others").headers["location"] == "/sign-ins?ended=others"
    page = here.get("/sign-ins?ended=others")
    assert "All other sign-ins have ended." in page
    assert "End all others" not in page
    assert {one.send("GET", "/").status_code for one in (there, elsewhere)} == {303}
    assert here.send("GET", "/sign-ins/end-others").headers["location"] == "/sign-ins"
    assert stranger.send("GET", "/").status_code == 200


def test_other_sites_cannot_end_sign_ins(service: Service, bea: tuple[User, str]) -> None:
    here = _signed_in(service, *bea)
    _signed_in(service, *bea)
    for path in ("/sign-ins/end-others", f"/sign-ins/{service.accounts.sign_ins(bea[0])[0].id}/end"):
        answer = here.send("POST", path, headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code == httpx.codes.FORBIDDEN
    assert len(service.accounts.sign_ins(bea[0])) == 2


@pytest.mark.proves("new-key-ends-sign-ins", "sign-out-ends-this-sign-in")
def test_signing_out_ends_this_sign_in_and_a_new_key_ends_all(service: Service, bea: tuple[User, str]) -> None:
    here, there = (_signed_in(service, *bea) for _ in range(2))
    here.press("/sign-out")
    assert [browser.send("GET", "/").status_code for browser in (here, there)] == [303, 200]
    service.accounts.new_key("bea")
    assert there.send("GET", "/").status_code == 303
    assert service.accounts.sign_ins(bea[0]) == []


def test_a_new_key_ends_an_unused_sign_in_link(service: Service, bea: tuple[User, str]) -> None:
    service.accounts.ensure_signing_key()
    links = State(service).links
    before = links.new(bea[0])
    service.accounts.new_key("bea")
    with pytest.raises(NotSignedIn):
        links.use(before)
    assert links.use(links.new(bea[0])) == bea[0]


def test_the_use_of_a_token_is_recorded_once_a_minute_and_never_waits(
    service: Service, ana: User, clock: Clock
) -> None:
    token, start = service.accounts.new_token(ana), clock()

    def used() -> float:
        (sign_in,) = service.accounts.sign_ins(ana)
        return (sign_in.last_used_at - start) / timedelta(seconds=1)

    for seconds, recorded in ((59, 0), (1, 60), (59, 60), (1, 120)):
        clock.go(seconds)
        service.accounts.of_token(token)
        assert used() == recorded
    clock.go(60)
    reader = Thread(target=service.accounts.of_token, args=(token,), daemon=True)
    with service.context.catalog.write():  # another writer, for whom writers wait half a minute
        reader.start()
        reader.join(15)
        assert not reader.is_alive()
        assert used() == 120
    service.accounts.of_token(token)
    assert used() == 180


def test_an_expired_sign_in_is_forgotten(service: Service, ana: User, clock: Clock) -> None:
    def rows() -> int:
        with service.context.catalog.read() as tx:
            return len(tx.sign_ins.all(ana, clock() - timedelta(days=1)))

    service.accounts.new_token(ana, timedelta(hours=1))
    service.accounts.new_token(ana, timedelta(hours=2))
    clock.go(3600)
    assert (len(service.accounts.sign_ins(ana)), rows()) == (1, 2)
    service.tidy()
    assert rows() == 1


@pytest.mark.parametrize(
    ("user_agent", "shown"),
    [
        (FIREFOX, "Firefox on Linux"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_CHROME}", "Chrome on macOS"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {_CHROME}", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("Firefox/1", "Firefox"),
        ("python-httpx/0.28.1", "python-httpx/0.28.1"),
        ("\x1b[2J", "unknown browser"),
        ("", "unknown browser"),
    ],
)
def test_a_browser_is_named_with_its_system(user_agent: str, shown: str) -> None:
    assert str(Client(SignInKind.BROWSER, "", user_agent)) == shown


@pytest.mark.parametrize(("path", "how"), [("/sign-in", "data"), ("/v1/auth/login", "json")])
def test_a_key_that_is_replaced_during_a_sign_in_opens_nothing(
    service: Service, bea: tuple[User, str], monkeypatch: pytest.MonkeyPatch, path: str, how: str
) -> None:
    real = Accounts.sign_in

    def replaced_meanwhile(accounts: Accounts, name: str, key: str) -> User:
        user = real(accounts, name, key)
        accounts.new_key("bea")
        return user

    monkeypatch.setattr(Accounts, "sign_in", replaced_meanwhile)
    fields = {"name": "bea", "key": bea[1], "username": "bea", "apiKey": bea[1]}
    answer = Browser(service).send("POST", path, **{how: fields})
    assert answer.status_code == httpx.codes.UNAUTHORIZED
    assert service.accounts.sign_ins(bea[0]) == []
