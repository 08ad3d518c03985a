"""What the pages show and offer, read without a browser: versions, details, links and buttons."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from uuid import uuid4

import pytest

from acceptance.server import ServerProcess
from reliability.machine import Machine, folder_of
from reliability.ui.person import Person, alert, at

ONE = "/datastores/data/versions/1"


def _page(ana: Person, path: str) -> Any:
    """A page, whether it answers or refuses."""
    from lxml import html

    answer = ana.http.get(path)
    assert answer.headers["content-type"].startswith("text/html"), answer
    return html.fromstring(answer.text)


def _text(node: Any) -> str:
    return " ".join(node.text_content().split())


def _texts(page: Any, path: str) -> list[str]:
    return [_text(node) for node in page.xpath(path)]


def _fact(page: Any, label: str) -> str:
    [found] = page.xpath(f"//dt[.='{label}']/following-sibling::dd[1]")
    return _text(found)


def _section(page: Any, heading: str) -> Any:
    [found] = page.xpath(f"//section[.//h2[.='{heading}']]")
    return found


@pytest.mark.proves("first-page-lists-versions", "number-links-to-details", "delete-in-the-row-asks")
def test_the_first_page_lists_versions_by_name_each_with_its_details_and_delete(ana: Person, tmp_path: Path) -> None:
    ana.api.upload("birds", folder_of(tmp_path, {"a.csv": b"1"}, "birds"))
    page = _page(ana, "/")
    assert _text(page.xpath("//h1")[0]) == "Datastores"
    assert _texts(page, "//section//h2") == ["birds", "data"]
    for name, folder, numbers in (("birds", "birds", [1]), ("data", "stock", [3, 2, 1])):
        rows = _section(page, name).xpath(".//tbody/tr")
        for number, row in zip(numbers, rows, strict=True):
            [details] = row.xpath("./th/a")
            assert _text(details) == f"{name} version {number}"
            shown = _page(ana, details.get("href"))
            assert _text(shown.xpath("//h1")[0]) == f"Version {number} of {name}"
            assert _fact(shown, "Source").startswith(str(tmp_path / folder))
            [delete] = row.xpath(".//a[starts-with(normalize-space(.), 'Delete')]")
            asking = _page(ana, delete.get("href"))
            assert _text(asking.xpath("//h1")[0]) == f"Delete version {number} of {name}?"
            assert _texts(asking, "//main//button") == [f"Delete version {number} of {name}"]


@pytest.mark.proves("no-button-deletes-more-than-one-version")
def test_no_button_deletes_more_than_one_version(ana: Person, tmp_path: Path) -> None:
    ana.api.upload("birds", folder_of(tmp_path, {"a.csv": b"1"}, "birds"))
    ana.api.mount("tuning", "birds", 1)
    ana.api.run("nightly", "birds", 1)
    details = [f"/datastores/{name}/versions/{number}" for name, number in _versions(ana)]
    lists = ["/", "/datastores/data", "/datastores/birds", "/failed-uploads", "/deleted-versions"]
    pages = [*lists, *details, *(f"{path}/delete" for path in details), "/upload", "/make-room", "/workloads"]
    pages += [link.get("href") for link in _page(ana, "/workloads").xpath("//tbody//a[@class='button']")]
    pages.append("/workloads/start")
    forms = [(path, form) for path in pages for form in _page(ana, path).xpath("//main//form")]
    deleted = []
    for path, form in forms:
        before = _versions(ana)
        ana.press(urljoin(path, form.get("action", path)), **dict(form.fields))
        deleted.append(len(before) - len(_versions(ana)))
    assert sorted(deleted)[-4:] == [0, 1, 1, 1], "the buttons of the three versions that nobody uses"


def _versions(ana: Person) -> list[tuple[str, int]]:
    return [(name, number) for name in ("birds", "data") for number, _phase in ana.api.listed(name)]


@pytest.mark.proves("page-of-version-in-use", "no-delete-button-while-in-use", "holders-link-to-where-they-end")
def test_the_page_of_a_version_in_use_says_by_whom_and_where_that_ends(ana: Person) -> None:
    ana.api.mount("tuning", "data", 1)
    ana.api.run("nightly", "data", 1)
    ana.api.mount("exploring", "data", 2)
    page = _page(ana, f"{ONE}/delete")
    links = _section(page, "In use by").xpath(".//a[contains(@href, '#')]")
    assert sorted(map(_text, links)) == ["Run nightly", "Session tuning"]
    ends = {_text(link): link.get("href") for link in _section(page, "In use by").xpath(".//a[@class='button']")}
    assert sorted(ends) == ["Cancel Run nightly…", "End Session tuning…"]
    for name, address in ends.items():
        assert _texts(_page(ana, address), "//main//button") == [name.removesuffix("…")]
    assert alert(ana.http.get(f"{ONE}/delete")) == " ".join(ana.api.delete("data", "1").said.split())
    assert _texts(page, "//main//button") == []
    for link in links:
        address, _, place = link.get("href").partition("#")
        [row] = _page(ana, address).xpath(f"//*[@id='{place}']")
        ending = {"Session tuning": "End… Session tuning", "Run nightly": "Cancel… Run nightly"}[_text(link)]
        assert ending in _texts(row, ".//a[@class='button']")
        assert _text(row.xpath("./th")[0]) == _text(link).split()[1]


@pytest.mark.proves("form-signs-in-with-name-and-key")
def test_the_form_signs_in_with_the_name_and_key(shared_server: ServerProcess) -> None:
    name = f"eve-{uuid4().hex[:8]}"
    key = shared_server.add_user(name).api_key
    with at(shared_server) as http:
        assert http.post("/sign-in", data={"name": name, "key": "guess"}).status_code == 401
        assert http.get("/").headers["location"].startswith("/sign-in")
        http.post("/sign-in", data={"name": name, "key": key})
        answer = http.get("/")
        assert answer.status_code == 200
        assert f">{name}</span>" in answer.text


@pytest.mark.proves("page-of-version-shows-all-details")
def test_the_page_of_a_version_shows_all_its_details(ana: Person, tmp_path: Path) -> None:
    ana.api.mount("tuning", "data", 1)
    ana.api.run("nightly", "data", 1)
    ana.api.mount("exploring", "data", 2)
    page = _page(ana, ONE)
    assert _fact(page, "Source") == f"{tmp_path / 'stock'} (files, uploaded)"
    assert _fact(page, "Size") == "6 bytes in 2 files"
    assert _fact(page, "Fingerprint") == ana.api.fingerprint("data", 1)
    assert sorted(_texts(_section(page, "In use by"), ".//li/a")) == ["Run nightly", "Session tuning"]
    assert _texts(_section(page, "Files"), ".//tbody/tr") == [
        "deep/ 1 file 2 bytes",
        "a.csv 4 bytes Download a.csv",
    ]
    assert _texts(_section(page, "History"), ".//strong") == ["created", "uploaded", "mounted", "mounted"]


@pytest.mark.proves("page-of-version-downloads-mounts-deletes")
def test_the_page_of_a_version_leads_to_its_download_mount_and_deletion(ana: Person) -> None:
    links = {_text(link): link.get("href") for link in _page(ana, ONE).xpath("//main//a")}
    with tarfile.open(fileobj=io.BytesIO(ana.http.get(links["Download all files (.tar)"]).content)) as archive:
        assert sorted(archive.getnames()) == ["a.csv", "deep/b.csv"]
    form = _page(ana, links["Mount it"]).xpath("//form[@action='/workloads/start']")[0]
    ana.press("/workloads/start", **{**form.fields, "name": "tuning"})
    assert ana.api.users("data", 1) == "Session tuning running"
    ana.api.end("tuning")
    ana.press(links["Delete version 1"])
    assert ana.api.listed("data") == [(2, "available"), (3, "available")]


@pytest.mark.proves("deleted-version-keeps-its-page")
def test_a_deleted_version_keeps_its_page(ana: Person) -> None:
    before = _page(ana, ONE)
    ana.api.delete("data", "1")
    assert ana.http.get(ONE).status_code == 200
    page = _page(ana, ONE)
    assert _text(page.xpath("//h1")[0]) == "Version 1 of data"
    for label in ("Source", "Size", "Fingerprint", "Created"):
        assert _fact(page, label) == _fact(before, label)
    assert _fact(page, "Phase") == "deleted"
    assert " by ana-" in _fact(page, "Deleted")
    assert {"created", "uploaded", "deleted"} <= set(_texts(_section(page, "History"), ".//strong"))
    assert page.xpath("//h2[.='Files']") == []


@pytest.mark.proves("page-lists-runs-of-grid-and-of-programs", "cancel-button-cancels-the-run")
def test_the_runs_of_grid_and_of_programs_are_listed_and_canceled(ana: Person, grid: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    given = {"GRID_URL": str(ana.http.base_url), "GRID_USER_ID": ana.user.user_id, "GRID_API_KEY": ana.user.api_key}
    machine = Machine(grid, home, extra=given)
    machine.run("run", "--name=daily", "--datastore_name=data", "--datastore_version=1", "--", "true").done()
    ana.api.run("nightly", "data", 1)
    rows = {row.xpath("string(./th)"): row for row in _section(_page(ana, "/workloads"), "Runs").xpath(".//tbody/tr")}
    assert {name: _texts(row, "./td[@data-label='State']") for name, row in rows.items()} == {
        "daily": ["succeeded"],
        "nightly": ["running"],
    }
    [cancel] = rows["nightly"].xpath(".//a[@class='button']")
    assert _text(cancel) == "Cancel… Run nightly"
    asking = _page(ana, cancel.get("href"))
    assert _texts(asking, "//main//button") == ["Cancel Run nightly"]
    ana.press(asking.xpath("//main//form")[0].get("action"))
    assert ana.api.users("data", 1) == ""
    assert "canceled" in _texts(_page(ana, "/workloads"), "//tbody/tr/td[@data-label='State']")


def test_a_server_that_knows_where_the_guide_is_links_to_it(own_server: ServerProcess) -> None:
    own_server.operate({"GRID_GUIDE_URL": "https://docs.example/grid"})
    with at(own_server) as http:
        assert '<a class="help" href="https://docs.example/grid/">Help</a>' in http.get("/sign-in").text
