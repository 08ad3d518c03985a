"""Deleting a version in the pages: who uses it and how that ends, what was deleted before, what stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from acceptance.server import ServerProcess
from reliability.machine import folder_of
from reliability.ui.person import Person, alert, sign_in
from reliability.ui.test_ui_pages import check, heading, press

OpenPage = Callable[..., Page]
ONE = "/datastores/data/versions/1"


def test_who_uses_a_version_is_ended_where_it_is_said(open_page: OpenPage, ana: Person) -> None:
    ana.api.mount("tuning", "data", 1)
    ana.api.run("nightly", "data", 1)
    page = open_page()
    page.goto(f"{ONE}/delete")
    assert page.title().startswith("Version 1 of data cannot be deleted now")
    said = page.get_by_role("alert").inner_text()
    uses = page.get_by_role("region", name="In use by").get_by_role("listitem")
    expect(uses).to_have_count(2)
    for name in ("Session tuning", "Run nightly"):
        expect(uses.filter(has_text=name)).to_contain_text("running")
        expect(uses.filter(has_text=name)).to_contain_text("since")
        assert name in said
    check(page)
    press(page, "End Session tuning…")
    check(page)
    press(page, "End Session tuning")
    assert heading(page) == "Version 1 of data cannot be deleted now"
    check(page)
    press(page, "Cancel Run nightly…")
    check(page)
    press(page, "Cancel Run nightly")
    assert heading(page) == "Delete version 1 of data?"


@pytest.mark.parametrize("width", [375, 1440])
def test_who_uses_the_version_is_the_first_thing_on_the_screen(open_page: OpenPage, ana: Person, width: int) -> None:
    for name in ("tuning", "exploring", "looking"):
        ana.api.mount(name, "data", 1)
    page = open_page(viewport={"width": width, "height": 800})
    page.goto(f"{ONE}/delete")
    expect(page.get_by_role("heading", name="In use by")).to_be_focused()
    assert page.evaluate("scrollY") == 0
    expect(page.get_by_role("link", name="End Session tuning…")).to_be_in_viewport(ratio=1)


def test_ending_what_uses_a_version_leads_to_no_other_site(ana: Person) -> None:
    for back in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/a\r\nb"):
        ana.api.mount("tuning", "data", 1)
        session = ana.http.get(f"{ONE}/delete").text.split("/workloads/session/")[1].split("/")[0]
        asking = ana.http.get(f"/workloads/session/{session}/delete", params={"back": back}).text
        assert '<a class="button" href="/workloads">Keep it</a>' in asking
        answer = ana.press(f"/workloads/session/{session}/delete", back=back)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/workloads?ended={session}")


def test_the_page_of_a_version_in_use_offers_no_deletion(ana: Person) -> None:
    ana.api.mount("tuning", "data", 1)
    text = ana.http.get(ONE).text
    assert "In use: show what uses it" in text
    assert ">Delete version 1<" not in text


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_already_deleted_is_no_mishap(open_page: OpenPage, ana: Person, theme: str) -> None:
    ana.api.delete("data", "1")
    page = open_page(color_scheme=theme)
    answer = page.goto(f"{ONE}/delete")
    assert answer
    assert answer.status == 410
    assert heading(page) == "Version 1 of data is already deleted"
    assert "was already deleted on" in page.get_by_role("alert").inner_text()
    check(page)
    press(page, "View its receipt")
    assert heading(page) == "Deleted version 1 of data"
    page.goto(f"{ONE}/delete")
    press(page, "View its details")
    assert heading(page) == "Version 1 of data"


def test_a_long_list_of_what_stays_is_folded(open_page: OpenPage, ana: Person, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"a": b"1"}, "more")
    for _ in range(4):
        ana.api.upload("data", folder)
    page = open_page()
    page.goto(f"{ONE}/delete")
    expect(page.get_by_text("Versions 2, 3, 4, 5, 6 and 7 of data, byte for byte.")).to_be_visible()
    kept = page.get_by_role("link", name="version 7 of data")
    expect(kept).to_be_hidden()
    page.get_by_text("The 6 versions and their fingerprints").click()
    expect(kept).to_be_visible()
    check(page)


def test_who_only_looks_is_not_told_that_nothing_was_done(ana: Person) -> None:
    ana.api.delete("data", "1")
    for path, title in (
        ("/nope", "Page not found"),
        ("/datastores/data/versions/9", "Version not found"),
        (f"{ONE}/download", "This cannot be shown"),
    ):
        text = ana.http.get(path).text
        assert f"<h1>{title}</h1>" in text, path
        assert f"<title>{title} " in text, path


def test_names_that_turn_what_follows_are_shown_as_they_are(ben: Person) -> None:
    files = {"files": ("rtl-\u202egnp.exe", b"1")}
    made = ben.http.post("/upload", data={"name": "turned"}, files=files)
    text = ben.http.get(made.headers["location"]).text
    assert "<bdi>rtl-\\u202egnp.exe</bdi>" in text
    assert "\u202e" not in text
    refused = ben.http.get("/datastores/\u202edata/versions/1")
    assert "\u202e" not in alert(refused)


def test_a_version_whose_manifest_is_gone_still_has_its_page(own_server: ServerProcess, tmp_path: Path) -> None:
    person = sign_in(own_server, "ana")
    person.api.upload("data", folder_of(tmp_path, {"a.csv": b"1"}, "stock"))
    [manifest] = own_server.folder.rglob("manifest.jsonl")
    manifest.unlink()
    answer = person.http.get(ONE)
    assert answer.status_code == 200
    assert alert(answer) == "The data of this version is missing from storage."
    assert "a.csv" not in answer.text
    assert "History" in answer.text
    person.http.close()
    person.api.close()


@pytest.mark.proves("no-create-command-for-browser-files")
def test_no_command_is_offered_for_files_from_a_browser(ben: Person) -> None:
    for _ in range(2):
        ben.http.post("/upload", data={"name": "sent"}, files={"files": ("a.csv", b"1")})
    path = "/datastores/sent/versions/1/delete"
    ben.http.post(path)
    answer = ben.http.post(path)
    assert "was already deleted on" in answer.text
    assert "grid datastore create" not in answer.text


def test_a_reference_that_is_tried_again_stays_a_reference(ben: Person) -> None:
    form = ben.http.get("/upload?name=birds&location=s3://birds&refer=yes").text
    assert '<input id="refer" name="refer" type="checkbox" value="yes" checked>' in form
    refused = ben.http.post("/upload/address", data={"location": "x", "refer": "yes"}).text
    assert 'value="yes" checked>' in refused
    assert " checked>" not in ben.http.get("/upload").text
