"""What a reader's browser gets before the pictures of a page: little, and the index of the search only for a search."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from built_site import Site
from playwright.sync_api import Page, Response

from acceptance.surfaces.browsing import Chromium
from browser import missing

_MOST = 300_000  # bytes
_INDEX = "search_index.json"


@pytest.fixture
def page(shared_chromium: Chromium | None) -> Iterator[Page]:
    """A page of a browser that has nothing of the site yet."""
    if shared_chromium is None:
        pytest.skip(missing())
    context = shared_chromium.browser.new_context(reduced_motion="reduce")
    context.route("**/*", lambda route: route.continue_())  # with this, Playwright keeps nothing of earlier pages
    yield context.new_page()
    context.close()


def test_no_page_is_heavy(site: Site, address: str, page: Page) -> None:
    """All that comes before its pictures, without compression."""
    pages = {path: _loaded(page, f"{address}/{path.removesuffix('index.html')}") for path in sorted(site.pages)}
    weights = {path: sum(answers.values()) for path, answers in pages.items()}
    assert {path: weight for path, weight in weights.items() if weight > _MOST} == {}
    assert [path for path, answers in pages.items() if not any(name.endswith(".css") for name in answers)] == []


def test_the_index_comes_when_somebody_searches(address: str, page: Page) -> None:
    """Neither loading a page nor opening the box fetches the index."""
    assert [name for name in _loaded(page, f"{address}/") if "search" in name] == ["search.js"]
    box = page.get_by_role("textbox", name="Search")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    box.focus()
    page.get_by_text("Type to start searching").wait_for()
    assert asked == []
    with page.expect_request(lambda request: request.url.endswith(_INDEX)):
        box.press_sequentially("version")
    page.locator(".md-search-result__link").first.wait_for()
    assert [url for url in asked if url.endswith(_INDEX)] == [f"{address}/search/{_INDEX}"]


def _loaded(page: Page, url: str) -> dict[str, int]:
    """The bytes of each answer without pictures, by the name of its file."""
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    page.on("response", note)
    page.goto(url, wait_until="networkidle")
    page.remove_listener("response", note)
    kept = [answer for answer in answers if answer.request.resource_type != "image"]
    return {answer.url.partition("?")[0].rpartition("/")[2]: len(answer.body()) for answer in kept}
