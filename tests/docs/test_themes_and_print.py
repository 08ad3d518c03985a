"""What is seen in the theme that the reader chose, on paper, and at an address that does not exist."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from built_site import Site
from playwright.sync_api import Locator, Page

from acceptance.surfaces.browsing import Chromium
from browser import missing

_OTHER = {"only-light": "only-dark", "only-dark": "only-light"}


@pytest.fixture
def page(shared_chromium: Chromium | None) -> Iterator[Page]:
    """A page for somebody whose system is light."""
    if shared_chromium is None:
        pytest.skip(missing())
    context = shared_chromium.browser.new_context(color_scheme="light", reduced_motion="no-preference")
    yield context.new_page()
    context.close()


def test_pictures_are_those_of_the_theme_that_the_reader_chose(site: Site, address: str, page: Page) -> None:
    """First the system's theme, then that of the button. Of two pictures, one is shown, announced and printed."""
    path = _pictured(site)
    page.goto(f"{address}/{path}")
    _seen_alone(page, "only-light")
    page.emulate_media(color_scheme="dark")
    _seen_alone(page, "only-dark")
    page.emulate_media(color_scheme="light")
    _seen_alone(page, "only-light")
    for theme in ("only-light", "only-dark"):  # the button goes from the system's theme to light, and then to dark
        page.locator("form[data-md-component=palette] label:visible").click()
        _seen_alone(page, theme)
    page.goto(f"{address}/{path}")  # the choice stays
    _seen_alone(page, "only-dark")
    page.emulate_media(media="print")
    _seen_alone(page, "only-light")


def test_on_paper_is_only_what_can_be_read_there(address: str, page: Page) -> None:
    """In the light colours; nothing to press, nothing that is folded away."""
    page.goto(f"{address}/")
    page.locator("form[data-md-component=palette] label:visible").click()
    page.locator("form[data-md-component=palette] label:visible").click()
    page.locator("body[data-md-color-scheme=slate]").wait_for()
    on_screen = _colour(page.locator("article h1"))
    page.emulate_media(media="print")
    assert _colour(page.locator("article h1")) != on_screen
    assert _lightness(_colour(page.locator("article h1"))) < 100
    hidden = "header, .md-sidebar, .md-footer, .md-code__nav, .headerlink, .spec-mark, .terminal input, details"
    assert page.locator(hidden).count() > 5
    assert [one.evaluate("one => one.outerHTML") for one in page.locator(hidden).all() if one.is_visible()] == []


def test_the_terminal_plays_and_stands_still_for_those_who_want_no_motion(address: str, page: Page) -> None:
    """Nothing moves with the system's setting, nor with the box ticked; unticked, it plays again."""
    page.goto(f"{address}/")
    last = page.locator(".terminal-wide text").last
    assert last.evaluate("line => line.getAnimations().length") == 1
    box = page.get_by_label("Skip the animation")
    box.press("Space")
    assert last.evaluate("line => line.getAnimations().length") == 0
    box.press("Space")
    assert last.evaluate("line => getComputedStyle(line).opacity") == "0"
    page.emulate_media(reduced_motion="reduce")
    assert last.evaluate("line => [line.getAnimations().length, getComputedStyle(line).opacity]") == [0, "1"]
    assert not box.is_visible()


@pytest.mark.parametrize("width", [1440, 390])
def test_the_terminal_can_be_read_on_every_screen(address: str, page: Page, width: int) -> None:
    """One of its drawings, whole, with letters that are not smaller than those of a note."""
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{address}/")
    [drawing] = [one for one in page.locator(".terminal svg").all() if one.is_visible()]
    box = drawing.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert 13 * box["width"] / float(drawing.get_attribute("width") or 0) >= 12


def test_at_an_address_that_does_not_exist_a_search_helps(site: Site, address: str, page: Page) -> None:
    """Served as web servers do for any path."""
    lost = (site.folder / "404.html").read_text("utf-8")
    page.route("**/no/such/page/", lambda route: route.fulfill(status=404, content_type="text/html", body=lost))
    page.goto(f"{address}/no/such/page/")
    assert page.get_by_role("heading", level=1).inner_text() == "This page does not exist"
    page.get_by_label("What are you looking for?").fill("version")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url(f"{address}/?q=version")
    page.locator(".md-search-result__link").first.wait_for()


def _pictured(site: Site) -> str:
    """The address of a page with pictures of both themes outside of tabs and of what is folded away."""
    folded = "ancestor::details or ancestor::div[@class='tabbed-block']"
    shown = f"//article//img[contains(@src, '#only-dark')][not({folded})]"
    return next(path for path, page in site.pages.items() if page.document.xpath(shown)).removesuffix("index.html")


def _seen_alone(page: Page, theme: str) -> None:
    """Of each pair outside of tabs and of what is folded away, only the picture of this theme is there."""
    unfolded = "article img[src$='#{}']:not(details img, .tabbed-block img)"
    page.locator(unfolded.format(theme)).first.wait_for()
    there = page.locator(unfolded.format(theme))
    assert there.count() > 0
    assert all(one.is_visible() for one in there.all())
    assert not any(one.is_visible() for one in page.locator(unfolded.format(_OTHER[theme])).all())


def _colour(what: Locator) -> str:
    return str(what.evaluate("what => getComputedStyle(what).color"))


def _lightness(colour: str) -> float:
    return max(map(float, colour.removeprefix("rgb(").rstrip(")").split(",")))
