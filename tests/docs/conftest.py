"""These tests read the built site: `make docs` makes it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from built_site import Site, read_site

from living_spec.config import find_config
from living_spec.features import Feature, read_features

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site() -> Site:
    """The site as `make docs` left it."""
    if not (ROOT / "site" / "index.html").is_file():
        pytest.fail("There is no site to check in site/; build it first: make docs", pytrace=False)
    return read_site(ROOT / "site")


class _Handler(SimpleHTTPRequestHandler):
    """Serves the site below the path of its address, without a log."""

    def __init__(self, *args: Any, root: str, **named: Any) -> None:
        self._root = root
        super().__init__(*args, **named)

    def translate_path(self, path: str) -> str:
        return super().translate_path("/" + path.removeprefix(self._root))

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="session")
def address(site: Site) -> Iterator[str]:
    """Where the built site is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, root=site.root, directory=str(site.folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{site.root.rstrip('/')}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def features() -> tuple[Feature, ...]:
    """The features that the site is built from."""
    return read_features(find_config(ROOT).features)
