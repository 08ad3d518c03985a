"""Axe finds no barrier on any page of the site, in either theme."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from acceptance.surfaces.browsing import Chromium
from browser import missing

if TYPE_CHECKING:
    from built_site import Site


_SCHEMES = {"light": "default", "dark": "slate"}  # what Material calls them
_COLOURS = ["color-contrast", "link-in-text-block"]  # the rules that a theme can break
_ASKED: dict[str, object] = {"resultTypes": ["violations"]}  # describing what is right takes as long as finding it
_ALL_BUT_COLOURS = _ASKED | {"rules": {rule: {"enabled": False} for rule in _COLOURS}}
_ONLY_COLOURS = _ASKED | {"runOnly": _COLOURS}
# Axe judges the colours of what can be seen. Most of a page of the spec is folded away, and takes most of its time.
_LEAVE_WHAT_IS_SEEN = "document.querySelectorAll('details:not([open]) > :not(summary)').forEach(each => each.remove())"
_PARTS = 6  # of the pages, for processes side by side


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    """Where the built site is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site.folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("part", range(_PARTS))
def test_axe_finds_no_barrier_on_any_page(
    site: Site, address: str, shared_chromium: Chromium | None, part: int
) -> None:
    """In the theme that a reader's system asks for."""
    if shared_chromium is None:
        pytest.skip(missing())
    context = shared_chromium.browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    found = {}
    for path in sorted(site.pages)[part::_PARTS]:
        page.goto(f"{address}/{path.removesuffix('index.html')}")
        problems = _problems(page, _ALL_BUT_COLOURS)
        page.evaluate(_LEAVE_WHAT_IS_SEEN)
        for theme, scheme in _SCHEMES.items():
            page.emulate_media(color_scheme=theme)
            page.locator(f"body[data-md-color-scheme={scheme}]").wait_for()
            problems += _problems(page, _ONLY_COLOURS)
        if problems:
            found[path] = problems
    context.close()
    assert found == {}


def _problems(page: Page, options: dict[str, object]) -> list[tuple[str, list[str]]]:
    """The rules that the page breaks, and where."""
    violations = Axe().run(page, options=options).response["violations"]
    return [(rule["id"], [node["html"][:200] for node in rule["nodes"]][:3]) for rule in violations]
