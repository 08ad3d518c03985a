"""Commands can be read whole, on a wide screen and on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acceptance.surfaces.browsing import Chromium
from browser import missing

if TYPE_CHECKING:
    from built_site import Site

_PAGES = ("known-issues/", "your-server/", "team/")
_CUT_OFF = """() => [document.documentElement, ...document.querySelectorAll("article pre, article pre > code")]
  .filter(one => one.scrollWidth > one.clientWidth + 1)
  .map(one => one.textContent.slice(0, 80))"""
_OUTSIDE = """() => [...document.querySelectorAll("article code")]
  .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth)
  .map(one => one.textContent.slice(0, 80))"""


@pytest.mark.parametrize("width", [1440, 390])
def test_no_command_is_cut_off(site: Site, shared_chromium: Chromium | None, width: int) -> None:
    """On the pages for the product team, which people come to for a command."""
    if shared_chromium is None:
        pytest.skip(missing())
    page = shared_chromium.browser.new_page(viewport={"width": width, "height": 900})
    found = {}
    for path in (one for one in site.pages if one.startswith(_PAGES)):
        page.goto((site.folder / path).as_uri())
        if cut := [*page.evaluate(_CUT_OFF), *page.evaluate(_OUTSIDE)]:
            found[path] = cut
    page.close()
    assert found == {}
