"""The browser of the ui surface: finds one, and installs it where that is possible.

    python tests/browser.py        (part of `make setup`)

Playwright's own downloads are not needed: the Chromium of the system serves as well, best the one without windows: it
takes half of the processor's time. Exit code 1 where none can be had and the environment says CI; elsewhere the ui
surface is then shown as not run, with the reason.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import debian

_PACKAGES = ("chromium-headless-shell", "chromium")
_NAMES = (*_PACKAGES, "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser() -> str | None:
    """The executable of a Chromium on this machine: the system's, or one that Playwright downloaded before."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    downloads = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    own = sorted(downloads.glob("chromium-*/chrome-*/chrome")) if downloads.is_dir() else []
    return str(own[-1]) if own else None


def missing() -> str:
    """Why there is no browser, for the page that shows it."""
    return "There is no Chromium on this machine. Install one, then: .venv/bin/pytest tests/acceptance --surface ui"


def main() -> int:
    """Find or install a browser, and say what was done."""
    later = "Until then the web UI is shown as not run."
    return debian.set_up(find_browser, _PACKAGES, "The web UI is tested", f"{missing()}\n{later}")


if __name__ == "__main__":
    sys.exit(main())
