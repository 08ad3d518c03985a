"""The static files of the pages: browsers store each until it changes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from in_process import Browser

from grid_datastores.server.ui import assets
from grid_datastores.service import Service


def _named(page: str) -> list[str]:
    """The addresses of the static files that a page names."""
    return re.findall(r'(?:href|src)="(/static/[^"]+)"', page)


def test_every_page_names_files_that_browsers_store(service: Service) -> None:
    browser = Browser(service)
    named = _named(browser.get("/sign-in"))
    assert [name.partition("?")[0].rpartition("/")[2] for name in named if ".css" in name] == list(assets.STYLES)
    for address in named:
        stored = browser.send("GET", address)
        assert stored.status_code == 200, address
        assert stored.headers["cache-control"] == "public, max-age=31536000, immutable", address


@pytest.mark.parametrize("address", ["/static/base.css", "/static/base.css?v=", "/static/base.css?v=0123456789ab"])
def test_an_address_of_another_release_is_not_stored(service: Service, address: str) -> None:
    answer = Browser(service).send("GET", address)
    assert answer.headers["cache-control"] == "no-cache"
    again = Browser(service).send("GET", address, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")


def test_a_changed_file_has_a_changed_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = {name: assets.asset_path(name) for name in assets.STYLES}
    release = tmp_path / "static"
    shutil.copytree(assets.FOLDER, release)
    (release / "base.css").write_text("html { color: red }\n", "utf-8")
    monkeypatch.setattr(assets, "FOLDER", release)
    after = {name: assets.asset_path(name) for name in assets.STYLES}
    assert {name for name in before if before[name] != after[name]} == {"base.css"}


def test_every_style_is_named_and_none_imports_another() -> None:
    found = {path.name: path.read_text("utf-8") for path in assets.FOLDER.glob("*.css")}
    assert sorted(found) == sorted(assets.STYLES)
    assert (assets.STYLES[0], assets.STYLES[-1]) == ("base.css", "last.css")
    for name, text in found.items():
        assert "@import" not in text, name
        assert text.count("\n") < 400, name
