"""The page that uploads, in a real browser: whatever is refused, nothing that was chosen or typed is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from reliability.machine import folder_of
from reliability.ui.person import Person
from reliability.ui.test_ui_pages import check, check_at_all_widths

OpenPage = Callable[..., Page]
A_FILE = {"name": "a.csv", "mimeType": "text/csv", "buffer": b"1"}
NAMELESS = {"name": "名.csv", "mimeType": "text/csv", "buffer": b"1"}
ENDED = "Your session has ended. Nothing was done. Sign in and try again."


@pytest.fixture
def ana(ben: Person) -> Person:
    """Somebody who has nothing yet."""
    return ben


def upload(page: Page) -> None:
    page.get_by_role("button", name="Upload").click()


def chosen(page: Page) -> list[str]:
    return list(page.get_by_label("Or files").evaluate("field => [...field.files].map((file) => file.name)"))


def test_what_is_refused_keeps_the_form_as_it_was(open_page: OpenPage, ana: Person) -> None:
    page = open_page()
    page.goto("/upload")
    page.get_by_label("Or files").set_input_files([NAMELESS])
    upload(page)
    expect(page.get_by_role("alert")).to_contain_text("No name can be made from")
    expect(page.get_by_role("alert")).to_be_focused()
    assert chosen(page) == ["名.csv"]
    expect(page.get_by_role("progressbar")).to_be_hidden()
    page.get_by_label("Name of the datastore").first.fill("a-name")
    upload(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Version 1 of a-name")


def test_without_javascript_the_name_stays(open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    page.goto("/upload")
    page.get_by_label("Name of the datastore").first.fill("a-name")
    upload(page)
    expect(page.get_by_role("alert")).to_have_text("Choose at least one file, or a folder with a file in it.")
    expect(page.get_by_label("Name of the datastore").first).to_have_value("a-name")


def test_nothing_is_sent_without_a_file_or_with_a_bad_name(open_page: OpenPage, ana: Person) -> None:
    page = open_page()
    page.goto("/upload")
    sent: list[str] = []
    # The browser fetches the page's icon in its own time.
    page.on("request", lambda request: None if "/static/icon.svg" in request.url else sent.append(request.url))
    upload(page)
    expect(page.get_by_role("alert")).to_have_text("Choose at least one file, or a folder with a file in it.")
    name = page.get_by_label("Name of the datastore").first
    page.get_by_label("Or files").set_input_files([A_FILE])
    for bad in ("Not A Name", "-a", "a-", "x" * 64):
        name.fill(bad)
        assert name.evaluate("field => field.validity.patternMismatch"), bad
        upload(page)
    assert sent == []
    for good in ("a", "a-b_c", "9", "x" * 63):
        name.fill(good)
        assert name.evaluate("field => field.validity.valid"), good


def test_a_session_that_has_ended_is_said_before_anything_is_sent(open_page: OpenPage, ana: Person) -> None:
    page = open_page()
    page.goto("/upload")
    page.get_by_label("Or files").set_input_files([A_FILE])
    kept = page.context.cookies()
    page.context.clear_cookies()
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    upload(page)
    expect(page.get_by_role("alert")).to_have_text(ENDED)
    assert (posts, chosen(page)) == ([], ["a.csv"])
    page.context.add_cookies(kept)  # type: ignore[arg-type]
    upload(page)  # and goes on where somebody has signed in again in another tab
    expect(page.get_by_role("heading", level=1)).to_have_text("Version 1 of a")


def test_a_full_quota_is_said_before_anything_is_sent(open_page: OpenPage, ana: Person, tmp_path: Path) -> None:
    assert ana.api.upload("data", folder_of(tmp_path, {"a.csv": b"1"})).done
    for _ in range(49):
        ana.api.begin_upload("more")
    page = open_page(reduced_motion="reduce")
    page.goto("/upload")
    full = "You have 50 of 50 versions, so no new one can be created until you delete one."
    expect(page.get_by_role("alert")).to_contain_text(full)
    page.get_by_label("Or files").set_input_files([A_FILE])
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    with page.expect_response("**/upload"):
        upload(page)
    expect(page.get_by_role("alert")).to_contain_text(full)
    assert (posts, chosen(page)) == ([], ["a.csv"])
    check_at_all_widths(page)
    ana.api.delete("data", "1")
    upload(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Version 1 of a")


def test_a_connection_that_breaks_is_told(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/upload")
    page.route("**/upload", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    page.get_by_label("Or files").set_input_files([A_FILE])
    upload(page)
    expect(page.get_by_role("alert")).to_contain_text("The connection broke")
    expect(page.get_by_role("progressbar")).to_be_hidden()
    assert chosen(page) == ["a.csv"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_upload_can_be_stopped(open_page: OpenPage, ana: Person, theme: str) -> None:
    page = open_page(color_scheme=theme, reduced_motion="reduce")
    page.goto("/upload")
    held: list[Route] = []
    page.route("**/upload", lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
    page.get_by_label("Or files").set_input_files([A_FILE])
    with page.expect_request(lambda request: request.method == "POST"):
        upload(page)
    expect(page.get_by_role("group", name="Sending")).to_be_focused()
    expect(page.get_by_label("Or files")).to_be_disabled()
    check(page)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("alert")).to_have_text("You stopped the upload. Nothing was stored.")
    expect(page.get_by_role("progressbar")).to_be_hidden()
    expect(page.get_by_label("Or files")).to_be_enabled()
    assert chosen(page) == ["a.csv"]
    check(page)
