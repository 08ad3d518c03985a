"""The browser of the ui surface: finds one, else downloads or installs one, and says which.

    python tests/browser.py        (part of `make setup`)

In this order: a Chromium of this machine, Playwright's own download, and, as root on Debian, the package. A headless
shell is best: it takes half of the processor's time. Where none can be had, the exit code is 1 in CI; elsewhere the ui
surface is then shown as not run, with the reason. BROWSER=no in the environment asks for no browser: nothing is
searched, and that is the reason shown, in CI too.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import debian

_PACKAGES = ("chromium-headless-shell", "chromium")
_NAMES = (*_PACKAGES, "chromium-browser", "google-chrome", "google-chrome-stable")
_DOWNLOADS = (  # of Playwright, in the folder of each version; best first
    "chromium_headless_shell-*/chrome-headless-shell-*/chrome-headless-shell",
    "chromium-*/chrome-*/chrome",
    "chromium-*/chrome-mac-*/*.app/Contents/MacOS/Google Chrome for Testing",
)
_CANNOT_LOAD = 127  # exit code of a program whose shared libraries are missing
_MINUTES = 5  # for a download; one that gets no answer ends after half a minute
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def refused() -> bool:
    """Whether the user asked for no browser."""
    return os.environ.get("BROWSER") == "no"


def needed() -> bool:
    """Whether a run without a browser is a failure: in CI, unless the user asked for none."""
    return debian.needed() and not refused()


def find_browser() -> str | None:
    """The executable of a Chromium on this machine: the system's, or one that Playwright downloaded; else None.

    With PWDEBUG in the environment, with which Playwright opens windows, a headless shell is left out.
    """
    if refused():
        return None
    windows = "PWDEBUG" in os.environ
    for name in _NAMES[1:] if windows else _NAMES:
        if found := shutil.which(name):
            return found
    downloads = [one for one in _downloaded() if not (windows and one.name == "chrome-headless-shell")]
    return next((str(one) for one in downloads if _starts(one)), None)


def missing() -> str:
    """Why there is no browser, for the page that shows it."""
    again = "then: .venv/bin/pytest tests/acceptance --surface ui"
    if refused():
        return f"BROWSER=no asked for no browser. To test the web UI, unset it, {again}"
    return f"There is no Chromium on this machine. Install one, {again}"


def main() -> int:
    """Find, download or install a browser, and say what was done."""
    if refused():
        print(missing())
        return 0
    later = "Until then the web UI is shown as not run."
    return debian.set_up(find_browser, _PACKAGES, "The web UI is tested", f"{missing()}\n{later}", _download)


def _downloaded() -> list[Path]:
    """What Playwright downloaded completely, best and newest first."""
    cache_folder = Path.home() / "Library" / "Caches" if sys.platform == "darwin" else Path.home() / ".cache"
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or cache_folder / "ms-playwright")
    found = [one for pattern in _DOWNLOADS for one in sorted(folder.glob(pattern), reverse=True)]
    return [one for one in found if (folder / one.relative_to(folder).parts[0] / "INSTALLATION_COMPLETE").exists()]


@cache
def _starts(executable: Path) -> bool:
    return subprocess.run([executable, "--version"], capture_output=True).returncode != _CANNOT_LOAD


def _download() -> None:
    """Let Playwright download its Chromium; a network without it costs little time, and nothing else."""
    print("Downloading Chromium with Playwright")
    command = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    environment = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "5000", **os.environ}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        process.wait(timeout=_MINUTES * 60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if not _downloaded():
        print("Playwright could not download it")
    elif not find_browser():
        print("It does not start: this machine lacks libraries. As root: .venv/bin/playwright install-deps chromium")


if __name__ == "__main__":
    sys.exit(main())
