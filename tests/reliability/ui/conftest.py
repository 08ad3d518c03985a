"""People at the pages of a shared server, and in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page

from acceptance.server import ServerProcess
from acceptance.surfaces.browsing import Chromium
from browser import missing
from reliability.ui.person import Person, sign_in, stocked


@pytest.fixture
def ana(shared_server: ServerProcess, tmp_path: Path) -> Iterator[Person]:
    """Somebody with versions 1, 2 and 3 of `data`."""
    with closing(stocked(shared_server, tmp_path)) as person:
        yield person


@pytest.fixture
def ben(shared_server: ServerProcess) -> Iterator[Person]:
    """Somebody else, who has nothing."""
    with closing(sign_in(shared_server, f"ben-{uuid4().hex[:8]}")) as person:
        yield person


@pytest.fixture
def browser(shared_chromium: Chromium | None) -> Browser:
    """A real browser."""
    if shared_chromium is None:
        pytest.skip(missing())
    return shared_chromium.browser


@pytest.fixture
def open_page(browser: Browser, shared_server: ServerProcess, ana: Person) -> Iterator[Callable[..., Page]]:
    """Opens a page in a new browser profile in which ana is signed in."""
    contexts = []

    def open_one(**how: object) -> Page:
        context = browser.new_context(base_url=shared_server.url, **how)  # type: ignore[arg-type]
        contexts.append(context)
        cookie = {"name": "grid_session", "value": ana.http.cookies["grid_session"], "url": shared_server.url}
        context.add_cookies([cookie])  # type: ignore[list-item]
        return context.new_page()

    yield open_one
    for context in contexts:
        context.close()
