"""The browser of the ui surface: finds one, and installs it where that is possible.

    python tests/browser.py        (part of `make setup`)

Playwright's own downloads are not needed: the Chromium of the system serves as well, best the one without windows: it
takes half of the processor's time. Exit code 1 where none can be had and the environment says CI; elsewhere the ui
surface is then shown as not run, with the reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

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


def needed() -> bool:
    """Whether a run without a browser is a failure."""
    return os.environ.get("CI", "").lower() in ("true", "1")


def main() -> int:
    """Find or install a browser, and say what was done."""
    found = find_browser() or _install()
    if found:
        print(f"The web UI is tested in {found}")
        return 0
    print(f"{missing()}\nUntil then the web UI is shown as not run.", file=sys.stderr)
    return 1 if needed() else 0


def _install() -> str | None:
    """Debian's package, where this user may install it."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    _apt_get("update")
    for package in _PACKAGES:
        print(f"Installing the package {package} with apt-get, for the tests of the web UI")
        if _apt_get("install", "--yes", "--no-install-recommends", package):
            return find_browser()
    return None


def _apt_get(*words: str) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(["apt-get", "-qq", *words], env=environment, stdout=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
