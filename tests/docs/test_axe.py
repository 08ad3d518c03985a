"""Axe finds no barrier on any page of the site, in either theme."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from acceptance.surfaces.browsing import Chromium
from browser import missing

if TYPE_CHECKING:
    from built_site import Site


_SCHEMES = {"light": "default", "dark": "slate"}  # what Material calls them
_COLOURS = ["color-contrast", "link-in-text-block"]  # the rules that a theme can break
_OPTIONS: dict[str, dict[str, object]] = {"light": {}, "dark": {"runOnly": _COLOURS}}
_PARTS = 3  # of the pages, for processes side by side
_ASKED = {"resultTypes": ["violations"]}  # describing what is right takes as long as finding it


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


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("part", range(_PARTS))
def test_axe_finds_no_barrier_on_any_page(
    site: Site, address: str, shared_chromium: Chromium | None, theme: str, part: int
) -> None:
    """As a reader's system asks for the theme."""
    if shared_chromium is None:
        pytest.skip(missing())
    context = shared_chromium.browser.new_context(color_scheme=theme, reduced_motion="reduce")
    page = context.new_page()
    found = {}
    for path in sorted(site.pages)[part::_PARTS]:
        page.goto(f"{address}/{path.removesuffix('index.html')}")
        page.locator(f"body[data-md-color-scheme={_SCHEMES[theme]}]").wait_for()
        problems = Axe().run(page, options=_ASKED | _OPTIONS[theme]).response["violations"]
        if problems:
            found[path] = [(rule["id"], [node["html"][:200] for node in rule["nodes"]][:3]) for rule in problems]
    context.close()
    assert found == {}
