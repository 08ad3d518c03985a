"""The pages in a real browser: without JavaScript, by keyboard, with hostile names, for people who do not see them."""

from __future__ import annotations

import re
import tarfile
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from reliability.machine import folder_of
from reliability.ui.person import Person

NASTY = "<img src=x onerror=alert(1)>"
VERSION = "/datastores/data/versions/1"
PHOTO = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
LONG = "n" * 63  # the longest name

_SMALL = """[...document.querySelectorAll("main :is(button, .button, select, input)")]
    .filter((one) => !["hidden", "radio", "checkbox"].includes(one.type) && one.checkVisibility())
    .filter((one) => one.getBoundingClientRect().height < 44)
    .map((one) => one.outerHTML)"""

_AXE = Axe().axe_script
_COLOURS = ["color-contrast", "link-in-text-block"]  # the rules that a theme can break
_LEAVE_A_FEW_ROWS = "document.querySelectorAll('tbody tr:nth-child(n + 6)').forEach((row) => row.remove())"

OpenPage = Callable[..., Page]


def press(page: Page, name: str) -> None:
    """Press the button or link of this name, and wait for the page it leads to."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).or_(
            page.get_by_role("link", name=name, exact=True)
        ).last.click()


def heading(page: Page) -> str:
    return page.get_by_role("heading", level=1).inner_text()


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_the_whole_story(open_page: OpenPage, ana: Person, tmp_path: Path, scripts: bool) -> None:
    page = open_page(java_script_enabled=scripts)
    page.goto("/upload?name=data")
    page.get_by_label("A folder").set_input_files(folder_of(tmp_path, {"c.csv": b"4\n", "deep/d.csv": b""}, "more"))
    press(page, "Upload")
    assert heading(page) == "Version 4 of data"
    with page.expect_download() as started:
        page.get_by_role("link", name="Download all files").click()
    with tarfile.open(started.value.path()) as archive:
        assert {item.name: item.size for item in archive} == {"c.csv": 2, "deep/d.csv": 0}
    press(page, "Mount it")
    page.get_by_label("Name", exact=True).fill("tuning")
    press(page, "Start")
    page.goto("/")
    press(page, "Delete version 4 of data")
    assert heading(page) == "Version 4 of data cannot be deleted now"
    assert "in use by Session tuning (running since" in page.get_by_role("alert").inner_text()
    page.goto(f"{VERSION.removesuffix('1')}4")
    press(page, "In use: show what uses it")
    press(page, "Session tuning")
    press(page, "Pause Session tuning")
    press(page, "Resume Session tuning")
    page.goto(f"{VERSION.removesuffix('1')}4/delete")
    assert page.get_by_role("main").get_by_role("button").all_inner_texts() == []
    press(page, "End Session tuning…")
    assert heading(page) == "End Session tuning?"
    press(page, "Keep it")
    assert heading(page) == "Version 4 of data cannot be deleted now"
    press(page, "End Session tuning…")
    press(page, "End Session tuning")
    assert heading(page) == "Delete version 4 of data?"
    assert "Session tuning ended at" in page.get_by_role("status").inner_text()
    press(page, "Delete version 4 of data")
    assert heading(page) == "Deleted version 4 of data"
    page.reload()
    assert heading(page) == "Deleted version 4 of data"
    assert ana.api.listed("data") == [(1, "available"), (2, "available"), (3, "available")]
    press(page, "Sign out")
    page.goto(VERSION)
    assert heading(page) == "Sign in"


def test_going_back_and_pressing_again_deletes_nothing_more(open_page: OpenPage, ana: Person) -> None:
    page = open_page()
    page.goto(f"{VERSION}/delete")
    press(page, "Delete version 1 of data")
    page.go_back()
    button = page.get_by_role("button", name="Delete version 1 of data")
    if button.count():  # the browser kept the page
        press(page, "Delete version 1 of data")
    assert "was already deleted on" in page.get_by_role("alert").inner_text()
    assert ana.api.listed("data") == [(2, "available"), (3, "available")]


def test_hostile_names_stay_text(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: said.append(message.text))
    folder = folder_of(tmp_path, {f"{NASTY}.csv": b"1", "deep/'\"; x &amp; {{ 7*7 }} %2e #?.csv": b"2"}, NASTY)
    page.goto("/upload")
    page.get_by_label("Name of the datastore").first.fill("nasty")
    page.get_by_label("A folder").set_input_files(folder)
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("heading", name="Version 1 of nasty").wait_for()
    for path in ("", "/delete"):
        page.goto(f"/datastores/nasty/versions/1{path}")
        assert NASTY in page.get_by_role("main").inner_text()
    page.goto("/datastores/nasty/versions/1")
    for folder, name, content in (("", f"{NASTY}.csv", "1"), ("deep/", "'\"; x &amp; {{ 7*7 }} %2e #?.csv", "2")):
        if folder:
            press(page, folder)
        press(page, name)
        assert page.get_by_role("cell").or_(page.get_by_role("columnheader")).last.inner_text() == content
        with page.expect_download() as started:
            page.get_by_role("link", name="Download").click()
        assert Path(started.value.path()).read_text() == content
        press(page, "Back to the files")
    page.goto(f"/workloads/start?name={NASTY}&version=1")
    assert NASTY in page.get_by_role("alert").inner_text()
    page.goto(f"/datastores/{NASTY}/versions/1".replace("<", "%3C"))
    assert NASTY in page.get_by_role("alert").inner_text()
    assert page.locator("img[onerror]").count() == 0
    assert [line for line in said if "status of 404" not in line] == []


def test_the_keyboard_reaches_everything_in_the_order_of_the_page(open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{VERSION}/delete")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.innerText"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", reached
    assert reached.pop(5).endswith(": where you are signed in")  # after the user's name
    assert reached == [
        "Skip to content",
        "Grid Datastores",
        "Datastores",
        "Upload",
        "Sessions and Runs",
        "Sign out",
        "Datastores",
        "data",
        "version 1",
        "version 2 of data",
        "version 3 of data",
    ]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Delete version 1 of data"


def test_axe_finds_no_barrier_on_any_page(open_page: OpenPage, ana: Person, tmp_path: Path) -> None:
    for session in ("over", "tuning", "waiting"):
        ana.api.mount(session, "data", 2)
    ana.api.pause("waiting")
    ana.api.run("nightly", "data", 3)
    ana.api.delete("data", "1")
    ana.api.fail_upload("data")
    ana.api.begin_upload("data")
    many = {f"note-{number:03}.txt": b"x" for number in range(120)}
    shown = {"deep/rows.csv": b",a\n1,2\n3,4\n", "deep/photo.png": PHOTO, "deep/model.bin": b"\0"}
    ana.api.upload("notes", folder_of(tmp_path, many | shown, "notes"))
    ana.api.upload(LONG, folder_of(tmp_path, {"a.csv": b"1"}, "one"))
    version = ana.api.version_id(LONG, 1)
    ana.press("/workloads/start", name=LONG, kind="run", version=version, path="/cache/" + "a1" * 60)
    page = open_page(reduced_motion="reduce")
    versions = (
        "/datastores/data/versions/" + number for number in ("1", "2", "4", "5", "1/receipt", "1/delete", "2/delete")
    )
    notes, long = "/datastores/notes/versions/1", f"/datastores/{LONG}/versions/1"
    more = (notes, f"{notes}/delete", long, f"{long}/delete", "/workloads/start", "/nope")
    lists = ("/", "/datastores/data", "/failed-uploads", "/deleted-versions", "/datastores/data/failed-uploads")
    files = (f"{notes}?folder=deep", *(f"{notes}/preview/{path}" for path in ("note-000.txt", *shown)))
    mounting = ("/workloads", "/workloads/start?name=data&version=1")
    asks = re.findall(r'href="(/workloads/(?:session|run)/[^"]+)"', ana.http.get("/workloads").text)
    ended = ana.press(asks[0].partition("?")[0]).headers["location"]
    more += (ended, *asks[1:], "/make-room", "/sign-ins")
    login = {"username": ana.user.user_id, "apiKey": ana.user.api_key}
    httpx.post(f"{ana.http.base_url}/v1/auth/login", json=login).raise_for_status()  # a second sign-in
    for path in (*lists, *versions, *more, *files, "/upload", *mounting):
        page.goto(path)
        check_at_all_widths(page)
    page.context.clear_cookies()
    page.goto("/sign-in")
    check_at_all_widths(page)
    page.get_by_label("User name").fill("nobody")
    page.get_by_label("Key").fill("wrong")
    press(page, "Sign in")
    check_at_all_widths(page)


def test_a_person_signs_in_with_the_form(open_page: OpenPage, ana: Person) -> None:
    page = open_page()
    page.context.clear_cookies()
    page.goto("/sign-in")
    page.get_by_label("User name").fill(ana.user.user_id)
    page.get_by_label("Key").fill(ana.user.api_key)
    press(page, "Sign in")
    assert page.get_by_role("heading", name="Datastores", exact=True).is_visible()


def test_on_a_phone_the_name_of_the_user_can_be_read_beside_the_link_to_the_guide(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 375, "height": 800})
    page.goto("/")
    page.evaluate("document.querySelector('header nav').outerHTML += '<a class=help href=/>Help</a>'")
    who = page.locator(".who")
    who.evaluate("who => { who.textContent = 'ana-lopez' }")
    assert who.evaluate("who => who.scrollWidth <= who.clientWidth")


def test_axe_finds_no_barrier_where_nothing_is_there_yet(open_page: OpenPage, ben: Person) -> None:
    page = open_page()
    page.context.clear_cookies()
    page.context.add_cookies(
        [{"name": "grid_session", "value": ben.http.cookies["grid_session"], "url": str(ben.http.base_url)}]
    )
    for path in ("/", "/workloads", "/workloads/start"):
        page.goto(path)
        assert page.locator(".empty").count(), path
        check(page)


def check_at_all_widths(page: Page) -> None:
    """At both widths, each in one theme; in both themes where lists fold, as only there colours depend on the width."""
    page.evaluate(_LEAVE_A_FEW_ROWS)
    folds = page.locator("table.rows").count() > 0
    for width, theme, other in ((1440, "light", "dark"), (375, "dark", "light")):
        show(page, width, theme)
        check(page)
        if folds:
            show(page, width, other)
            assert barriers(page, runOnly=_COLOURS) == [], (page.url, width, other)
    show(page, 800, "light")
    check_size(page)


def show(page: Page, width: int, theme: Literal["light", "dark"]) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme)


def barriers(page: Page, **options: object) -> list[tuple[str, list[str]]]:
    """What axe finds: the rule, and the elements that break it."""
    asked = {"resultTypes": ["violations"], **options}  # describing what is right takes as long as finding it
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE)
    found = page.evaluate("async (asked) => (await axe.run(asked)).violations", asked)
    return [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found]


def check(page: Page) -> None:
    """Axe finds nothing, and the size is right."""
    assert barriers(page) == [], page.url
    check_size(page)


def check_size(page: Page) -> None:
    """Nothing is cut off at the side, and what can be pressed is large enough."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
    small = page.evaluate(_SMALL)
    assert small == [], page.url
