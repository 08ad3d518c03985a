"""The pictures of the web UI for the guide: what the reader presses next is marked, and the page is as before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from acceptance.surfaces.browsing import Chromium
from acceptance.surfaces.pictures import take
from browser import missing
from living_spec.evidence import Key
from living_spec.recorder import Recorder

HTML = """<!doctype html><meta name="color-scheme" content="light dark">
<p>version 1 of data-8f3a</p><button>Delete version 1 of data-8f3a</button>"""
NAMES = {"data-8f3a": "data"}


@pytest.fixture
def page(shared_chromium: Chromium | None) -> Iterator[Page]:
    if shared_chromium is None:
        pytest.skip(missing())
    context = shared_chromium.browser.new_context(color_scheme="light", viewport={"width": 300, "height": 200})
    page = context.new_page()
    page.set_content(HTML)
    yield page
    context.close()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(Key("reference", "ui", "scenario", 0), {})


def test_what_is_pressed_is_marked_in_both_themes(page: Page, recorder: Recorder) -> None:
    """So that a reader sees it at once; the page that is then used has no mark."""
    before = page.screenshot()
    button = page.get_by_role("button", name="Delete version 1 of data-8f3a")
    take(recorder, page, "plain", NAMES, None)
    plain = list(recorder.pictures.values())
    take(recorder, page, "marked", NAMES, button)
    assert len({before, *recorder.pictures.values()}) == 5, "two themes, with and without the mark, and the real name"
    assert page.screenshot() == before
    assert button.get_attribute("style") is None
    assert len(plain) == 2


def test_a_picture_shows_the_names_that_are_the_same_in_every_run(page: Page, recorder: Recorder) -> None:
    """Two pages that differ in the real name only have the same pictures."""
    take(recorder, page, "first", NAMES, page.get_by_role("button"))
    first = set(recorder.pictures)
    page.set_content(HTML.replace("8f3a", "77aa"))
    take(recorder, page, "second", {"data-77aa": "data"}, page.get_by_role("button"))
    assert set(recorder.pictures) == first
