"""Names of files that a browser sends: a version keeps each as it is, whatever forms do to it on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from reliability.machine import folder_of
from reliability.ui.person import Person, alert

OpenPage = Callable[..., Page]
HARMLESS = ["100%22.txt", "100%.txt", "%0A.txt", "a;b=c.txt", "a'b.txt", "пингвин 🐧.txt", "=?utf-8?q?a?=.txt"]
QUOTED = ['100".txt', '"', '";filename="a.txt', '%22"%22.txt']


@pytest.fixture
def ana(ben: Person) -> Person:
    """Somebody who has nothing yet."""
    return ben


def _upload(page: Page, label: str, chosen: Path | list[Path]) -> None:
    page.goto("/upload")
    page.get_by_label("Name of the datastore").first.fill("names")
    page.get_by_label(label).set_input_files(chosen)
    page.get_by_role("button", name="Upload").click()


def _kept(page: Page, ana: Person) -> dict[str, bytes]:
    """The files of the version that was made, each read by its link, also those in its folders."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Version 1 of names")
    kept = _linked(page, ana)
    folders = page.get_by_role("region", name="Files").locator("a.folder")
    for link, name in [(one.get_attribute("href"), one.inner_text()) for one in folders.all()]:
        page.goto(str(link))
        kept |= {f"{name}{file}": content for file, content in _linked(page, ana).items()}
    return kept


def _linked(page: Page, ana: Person) -> dict[str, bytes]:
    links = page.get_by_role("region", name="Files").get_by_role("link", name="Download ").all()
    names = [link.inner_text().removeprefix("Download").strip() for link in links]
    return {
        name: ana.http.get(str(link.get_attribute("href"))).content for name, link in zip(names, links, strict=True)
    }


@pytest.mark.proves("browser-keeps-names-of-files")
@pytest.mark.parametrize("label", ["A folder", "Or files"])
def test_names_are_kept(open_page: OpenPage, ana: Person, tmp_path: Path, label: str) -> None:
    files = {name: name.encode() for name in HARMLESS + QUOTED}
    if label == "A folder":
        files |= {f"in {name}/{name}": b"deep" for name in ("100%22", '100"')}
    folder = folder_of(tmp_path, files, 'a%22"folder')
    page = open_page()
    _upload(page, label, folder if label == "A folder" else [folder / name for name in files])
    assert _kept(page, ana) == files
    source = page.locator("dt:text-is('Source') + dd").inner_text()
    assert source.startswith('a%22"folder' if label == "A folder" else HARMLESS[0])


@pytest.mark.proves("browser-and-api-give-names-and-contents")
def test_a_browser_and_clients_of_the_api_give_names_and_contents_only(
    open_page: OpenPage, ana: Person, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, {"run.sh": b"#!/bin/sh\n"})
    (folder / "empty").mkdir()
    (folder / "run.sh").chmod(0o755)
    (folder / "more.sh").write_bytes(b"#!/bin/sh\n")
    page = open_page()
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    _upload(page, "A folder", folder)
    _kept(page, ana)
    assert len(posts) == 1
    assert ana.api.upload("sent", folder).done
    for name in ("names", "sent"):
        place = f"/v1/core/local/datastores/{ana.api.version_id(name, 1)}/manifest"
        rows = [json.loads(line) for line in ana.api.call("GET", place).text.splitlines()]
        # Five values are path, size, digest, object and offset: nothing follows that says more of the file.
        assert [(len(row), row[0], row[1]) for row in rows] == [(5, "more.sh", 10), (5, "run.sh", 10)]


@pytest.mark.proves("quotation-marks-become-escapes-without-javascript")
def test_without_javascript_only_quotation_marks_change(open_page: OpenPage, ana: Person, tmp_path: Path) -> None:
    """Browsers send them as %22, as the standard of HTML says: nobody can tell them from a real %22."""
    files = {name: name.encode() for name in [*HARMLESS, '200".txt']}
    folder = folder_of(tmp_path, files)
    page = open_page(java_script_enabled=False)
    _upload(page, "Or files", [folder / name for name in files])
    assert _kept(page, ana) == {name.replace('"', "%22"): content for name, content in files.items()}


def test_two_names_that_become_one_are_refused(open_page: OpenPage, ana: Person, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"100%22.txt": b"1", '100".txt': b"2"})
    page = open_page(java_script_enabled=False)
    _upload(page, "Or files", sorted(folder.iterdir()))
    expect(page.get_by_role("alert")).to_contain_text("Two files have the same path")
    assert ana.api.listed("names") == []


@pytest.mark.parametrize("scripted", [True, False])
def test_a_backslash_is_no_folder_and_no_escape(
    open_page: OpenPage, ana: Person, tmp_path: Path, *, scripted: bool
) -> None:
    names = ["c:\\notes.txt", "\\\\a\\b", "a\\", 'a\\"b']
    folder = folder_of(tmp_path, dict.fromkeys(names, b"1"))
    page = open_page(java_script_enabled=scripted)
    for name in names:
        _upload(page, "Or files", folder / name)
        expect(page.get_by_role("alert")).to_contain_text("is not a valid path in a version")
        assert ana.api.listed("names") == [], name


def test_an_encoded_path_that_is_no_text_is_refused(ana: Person) -> None:
    fields = {"name": "names", "encoded-paths": "yes"}
    answer: httpx.Response = ana.http.post("/upload", data=fields, files={"files": ("%FF", b"x")})
    assert answer.status_code == 400
    assert "is not UTF-8" in alert(answer)
