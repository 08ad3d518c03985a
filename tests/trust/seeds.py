"""Seeds: fresh for each run, and printed when it fails."""

from __future__ import annotations

from secrets import randbelow


def fresh_seed() -> int:
    """A seed that nobody knows before."""
    return randbelow(2**32)
