"""Old addresses of pages lead to new ones, and a new address that does not exist stops the build."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from mkdocs.exceptions import PluginError

import redirects

ROOT = Path(__file__).parents[2]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """With one page."""
    (tmp_path / "new").mkdir()
    (tmp_path / "new/index.html").write_text('<h2 id="here">Here</h2>', "utf-8")
    return tmp_path


def test_an_old_address_leads_to_the_new_page_and_its_anchors(site: Path) -> None:
    redirects.write(site, "old/page/", {"to": "new/", "there": "new/#here"})
    page = (site / "old/page/index.html").read_text("utf-8")
    assert '<noscript><meta http-equiv="refresh" content="0; url=../../new/"></noscript>' in page
    assert '<a href="../../new/">' in page
    assert '"there": "../../new/#here"' in page


@pytest.mark.parametrize("places", [{"to": "nowhere/"}, {"to": "new/", "there": "new/#her"}])
def test_an_address_that_does_not_exist_is_refused(site: Path, places: dict[str, str]) -> None:
    with pytest.raises(PluginError, match=r"no page nowhere|no anchor her"):
        redirects.write(site, "old/", places)


def test_no_page_is_overwritten(site: Path) -> None:
    for _ in range(2):
        redirects.write(site, "old/", {"to": "new/"})
    with pytest.raises(PluginError, match="is a page"):
        redirects.write(site, "new/", {"to": "new/"})


def test_the_table_has_addresses_that_are_no_pages() -> None:
    for old, places in tomllib.loads(redirects.TABLE.read_text("utf-8")).items():
        assert not (ROOT / "docs" / f"{old.rstrip('/')}.md").exists()
        assert "to" in places
