"""The clock of the tests that step it: finds libfaketime, and installs it where that is possible.

    python tests/faketime.py     (part of `make setup`)

Exit code 1 where none can be had and the environment says CI; elsewhere the tests that need it are skipped.
"""

from __future__ import annotations

import sys
from pathlib import Path

import debian

_PLACES = ("/usr/lib", "/usr/local/lib")
_LIBRARY = "libfaketimeMT.so.1"  # the one for programs with threads


def find_faketime() -> str | None:
    """The library on this machine."""
    return next((str(path) for place in _PLACES for path in Path(place).glob(f"**/faketime/{_LIBRARY}")), None)


def missing() -> str:
    """Why no clock was stepped."""
    return "There is no libfaketime on this machine. Install it, then: .venv/bin/pytest tests/reliability -k clock"


def main() -> int:
    """Find or install libfaketime, and say what was done."""
    later = "Until then the tests that step the clock of a process are skipped."
    what = "Clocks are stepped with the library"
    return debian.set_up(find_faketime, ("libfaketime",), what, f"{missing()}\n{later}")


if __name__ == "__main__":
    sys.exit(main())
