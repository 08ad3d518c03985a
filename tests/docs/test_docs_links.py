"""Every address on the site leads somewhere, and nowhere else but to the site."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from built_site import Site

_ELSEWHERE = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_CSS_ADDRESS = re.compile(r"(?:url\(\s*|@import\s+)[\"']?([^\"')\s]+)")


def test_no_page_links_or_calls_another_host(site: Site) -> None:
    """Neither by an attribute nor from a script on the page."""
    found = [(page.path, address) for page in site.pages.values() for address in page.addresses if _leaves(address)]
    assert found == []
    scripts = [(page.path, script) for page in site.pages.values() for script in page.document.xpath("//script/text()")]
    assert [place for place, script in scripts if "http:" in script or "https:" in script] == []


def test_no_style_sheet_calls_another_host(site: Site) -> None:
    """Fonts and pictures of style sheets lie in the site."""
    sheets = list(site.folder.rglob("*.css"))
    assert sheets
    found = [
        (sheet.name, address)
        for sheet in sheets
        for address in _CSS_ADDRESS.findall(sheet.read_text("utf-8"))
        if _leaves(address)
    ]
    assert found == []


def test_no_page_asks_the_theme_to_call_another_host(site: Site) -> None:
    """The theme's script fetches Mermaid and the facts of a repository, but only for pages that have these."""
    asking = "//*[contains(@class, 'mermaid')] | //*[@data-md-component='source'] | //*[@data-md-component='consent']"
    assert [page.path for page in site.pages.values() if page.document.xpath(asking)] == []


def test_every_link_and_anchor_resolves(site: Site) -> None:
    """A file for each address, and in it the anchor."""
    broken = []
    checked = 0
    for page in site.pages.values():
        for address in page.addresses:
            if urlsplit(address).scheme or _leaves(address):
                continue
            checked += 1
            file, anchor = site.resolve(page, address)
            if not file.is_file() or site.folder not in file.parents:
                broken.append((page.path, address, "no such file"))
            elif (
                anchor
                and file.suffix == ".html"
                and anchor not in site.pages[file.relative_to(site.folder).as_posix()].ids
            ):
                broken.append((page.path, address, "no such anchor"))
    assert broken == []
    assert checked > len(site.pages)


def _leaves(address: str) -> bool:
    return bool(_ELSEWHERE.match(address))
