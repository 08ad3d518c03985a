"""Pages that look again by themselves, and go on when what they wait for has come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from acceptance.server import ServerProcess
from acceptance.waiting import wait_until
from reliability.faults import waiting
from reliability.machine import folder_of
from reliability.ui.person import Person, sign_in

ERASE = "grid_datastores.storage.local:LocalStorage.erase"
ERASING = "being erased now"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """There while a removal waits."""
    return tmp_path / "gate"


@pytest.fixture
def ana(tmp_path: Path, gate: Path) -> Iterator[Person]:
    """Somebody on a server whose removals wait at the gate."""
    folder = tmp_path / "server"
    folder.mkdir()
    server = ServerProcess(waiting(tmp_path, gate, ERASE), folder)
    server.start()
    person = sign_in(server, "ana")
    yield person
    person.http.close()
    person.api.close()
    gate.unlink(missing_ok=True)
    server.stop()


@pytest.fixture
def page(browser: Browser, ana: Person) -> Iterator[Page]:
    """A page in which ana is signed in, far from UTC."""
    url = str(ana.http.base_url)
    context = browser.new_context(base_url=url, timezone_id="Asia/Kolkata")
    context.add_cookies([{"name": "grid_session", "value": ana.http.cookies["grid_session"], "url": url}])
    yield context.new_page()
    context.close()


@pytest.mark.proves("answer-before-erasure")
def test_a_receipt_tells_when_the_bytes_are_gone(page: Page, ana: Person, gate: Path, tmp_path: Path) -> None:
    ana.api.upload("data", folder_of(tmp_path, {"a.csv": b"1"}, "stock"))
    page.goto("/datastores/data/versions/1/delete")
    page.get_by_role("button", name="Delete version 1").click()
    page.get_by_role("heading", name="Deleted version 1").wait_for()
    gone = page.get_by_role("status")
    expect(gone).to_have_text(ERASING)
    mark(page)
    wait_until(gate.exists, "the removal has begun")
    gate.unlink()
    expect(gone).to_contain_text("GMT+5:30")
    assert marked(page)  # only this line is another
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    expect(gone).to_contain_text("GMT+5:30")
    assert [url for url in asked if "htmx" in url] == []  # there is nothing to wait for


def test_an_unfinished_version_is_shown_anew_once_it_has_come_further(page: Page, ana: Person, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"a.csv": b"1"}, "stock")
    ana.api.send_some("data", folder, [folder / "a.csv"])
    with page.expect_response(lambda answer: "seen=uploading" in answer.url) as asked:
        page.goto("/datastores/data/versions/1")
    assert asked.value.status == 204
    expect(page.get_by_text("Its data is still arriving.")).to_be_visible()
    expect(page.get_by_text("not known yet")).to_be_visible()
    version_id = ana.api.version_id("data", 1)
    cluster = ana.api.call("GET", "/v1/core/clusters").json()["defaultCluster"]
    ana.api.call("POST", f"/v1/core/{cluster}/datastores/{version_id}/completed", {})
    expect(page.locator(".title .badge")).to_have_text("available")


def test_a_page_whose_session_has_ended_leads_to_sign_in(page: Page, ana: Person) -> None:
    ana.api.begin_upload("data")
    page.goto("/datastores/data/versions/1")
    page.context.clear_cookies()
    page.wait_for_url("**/sign-in?then=**")


def mark(page: Page) -> None:
    """Note down in the page itself that it is this one."""
    page.evaluate("window.same = true")


def marked(page: Page) -> bool:
    """Whether it is still the page that was marked, not loaded anew."""
    return bool(page.evaluate("window.same === true"))
