"""The proxy of the tests: finds nginx, and installs it where that is possible.

    python tests/nginx.py        (part of `make setup`)

Exit code 1 where none can be had and the environment says CI; elsewhere what needs it is shown as not run, with the
reason.
"""

from __future__ import annotations

import os
import shutil
import sys

import debian

_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"  # which many users do not have in their PATH


def find_nginx() -> str | None:
    """The executable on this machine."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:{_PLACES}")


def missing() -> str:
    """Why there is no proxy, for the page that shows it."""
    return "There is no nginx on this machine. Install it, then: .venv/bin/pytest tests/acceptance -k proxy"


def main() -> int:
    """Find or install nginx, and say what was done."""
    later = "Until then what goes through a proxy is shown as not run."
    return debian.set_up(find_nginx, ("nginx",), "Servers behind a proxy are tested", f"{missing()}\n{later}")


if __name__ == "__main__":
    sys.exit(main())
