"""A how-to fits two screens, and its command stands on the first one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page

from acceptance.surfaces.browsing import Chromium
from browser import missing

if TYPE_CHECKING:
    from built_site import Site

_SCREEN = 900  # pixels; on a screen that is 1440 wide
_HEIGHT = "document.documentElement.scrollHeight"
_FIRST_COMMAND = "document.querySelector('article pre').getBoundingClientRect().top"
_TOO_WIDE = """[document.documentElement, ...document.querySelectorAll("article pre, article pre > code")]
  .filter(one => one.scrollWidth > one.clientWidth + 1)
  .map(one => one.textContent.slice(0, 80))"""
_WITHOUT_COMMANDS = {"browser"}


@pytest.fixture
def show(shared_chromium: Chromium | None) -> Iterator[Page]:
    """A page of a browser."""
    if shared_chromium is None:
        pytest.skip(missing())
    page = shared_chromium.browser.new_page(reduced_motion="reduce")
    yield page
    page.close()


def _how_tos(site: Site) -> dict[str, str]:
    """Their addresses, by their names."""
    found = {path.split("/")[1]: (site.folder / path).as_uri() for path in site.pages if path.startswith("how-to/")}
    assert len(found) > 10
    return found


def test_a_how_to_fits_two_screens_with_the_command_first(site: Site, show: Page) -> None:
    """With its header and its foot."""
    show.set_viewport_size({"width": 1440, "height": _SCREEN})
    heights, commands = {}, {}
    for name, url in _how_tos(site).items():
        show.goto(url)
        heights[name] = show.evaluate(_HEIGHT)
        if name not in _WITHOUT_COMMANDS:
            commands[name] = show.evaluate(_FIRST_COMMAND)
    assert {name: height for name, height in heights.items() if height > 2 * _SCREEN} == {}
    assert {name: top for name, top in commands.items() if top > _SCREEN} == {}


def test_a_how_to_is_not_wider_than_a_phone(site: Site, show: Page) -> None:
    """Neither the page nor its commands."""
    show.set_viewport_size({"width": 390, "height": 844})
    found = {}
    for name, url in _how_tos(site).items():
        show.goto(url)
        if wide := show.evaluate(_TOO_WIDE):
            found[name] = wide
    assert found == {}
