"""What a script adds to the pages: the reader's zone, buttons that copy, and a key that leads to the filter."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from reliability.ui.person import Person

OpenPage = Callable[..., Page]
VERSION = "/datastores/data/versions/1"
IN_UTC = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
FILTER = '<label>Filter <input data-filter value="old"></label><input id="other">'


@pytest.mark.proves("times-in-the-readers-zone")
def test_times_are_in_the_zone_of_the_reader_and_utc_shows_on_hover(open_page: OpenPage) -> None:
    page = open_page(timezone_id="Asia/Kolkata", locale="de-DE")
    page.goto(VERSION)
    shown = [(one.inner_text(), one.get_attribute("title"), one.get_attribute("datetime")) for one in times(page)]
    assert shown
    for text, title, machine in shown:
        at = datetime.fromisoformat(str(machine))
        assert text == at.astimezone(ZoneInfo("Asia/Kolkata")).strftime("%Y-%m-%d %H:%M:%S GMT+5:30")
        assert title == at.strftime("%Y-%m-%d %H:%M:%S UTC")
        assert at.utcoffset() is not None


def test_the_times_in_a_refusal_are_in_the_zone_of_the_reader(open_page: OpenPage, ana: Person) -> None:
    ana.api.delete("data", "1")
    page = open_page(timezone_id="Asia/Kolkata")
    page.goto(f"{VERSION}/delete")
    said = page.get_by_role("alert").inner_text()
    assert re.search(r"was already deleted on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d GMT\+5:30 by ana", said)
    assert IN_UTC.fullmatch(str(page.get_by_role("alert").locator("time").get_attribute("title")))


def test_without_javascript_times_are_in_utc_and_nothing_offers_to_copy(open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False, timezone_id="Asia/Kolkata")
    page.goto(VERSION)
    assert times(page)
    for one in times(page):
        assert IN_UTC.fullmatch(one.inner_text())
    assert page.get_by_role("button", name="Copy").count() == 0


REFUSED = "navigator.clipboard.writeText = () => Promise.reject(new Error('refused'))"
ABSENT = "Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })"  # without TLS


@pytest.mark.parametrize("clipboard", ["", REFUSED, ABSENT], ids=["clipboard", "refused", "absent"])
def test_a_command_and_a_fingerprint_are_copied(open_page: OpenPage, ana: Person, clipboard: str) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.add_init_script(clipboard)
    for path, name, text in (
        (VERSION, "Copy the fingerprint", ana.api.fingerprint("data", 1)),
        ("/workloads", "Copy the command", "grid session create NAME --datastore_name N --datastore_version V"),
    ):
        page.goto(path)
        button = page.get_by_role("button", name=name).first
        button.focus()
        page.keyboard.press("Enter")
        expect(page.locator("[aria-live=polite]")).to_have_text("Copied")
        assert page.evaluate("document.activeElement.className") == "copy copied"
        page.get_by_role("main").evaluate("main => main.innerHTML = '<textarea autofocus></textarea>'")
        page.locator("textarea").focus()
        page.keyboard.press("ControlOrMeta+V")
        expect(page.locator("textarea")).to_have_value(text)


@pytest.fixture
def filtered(open_page: OpenPage) -> Page:
    """A page with a filter."""
    page = open_page()
    page.route("**/workloads", fulfil)
    page.goto("/workloads")
    return page


def fulfil(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace("<h1>", f"{FILTER}<h1>"))


def test_a_slash_leads_to_the_filter_and_escape_leaves_it(filtered: Page) -> None:
    field = filtered.locator("[data-filter]")
    assert field.get_attribute("aria-keyshortcuts") == "/"
    filtered.keyboard.press("/")
    expect(field).to_be_focused()
    filtered.keyboard.type("a/b")
    expect(field).to_have_value("a/b")  # what was there is replaced, and a slash in it is a slash
    filtered.keyboard.press("Escape")
    expect(field).not_to_be_focused()
    other = filtered.locator("#other")
    other.focus()
    filtered.keyboard.press("/")
    expect(other).to_have_value("/")
    expect(field).not_to_be_focused()


def test_the_first_delete_is_a_few_keys_away(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/")
    reached = []
    for key in ("Tab", "Tab", "Enter", "Tab", "Tab"):
        page.keyboard.press(key)
        reached.append(" ".join(page.evaluate("document.activeElement.innerText").split()))
    assert reached[1] == "Skip to the list"
    assert reached[-2:] == ["data version 3", "Delete version 3 of data"]  # the newest


def times(page: Page) -> list[Locator]:
    """All times that the page shows."""
    return page.get_by_role("main").locator("time").all()
