"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE = 30.0  # seconds after which a condition has not come true
SELDOM = 0.25  # seconds between two looks at what takes some seconds, so that looking does not take more than that
_BETWEEN = 0.01, 0.05  # seconds between two looks at anything else, at first and at most


def wait_until(look: Callable[[], Found | None], what: str, most: float = _BETWEEN[1]) -> Found:
    """What `look` finds, once it finds something; at most so many seconds go by between two looks."""
    deadline = time.monotonic() + PATIENCE
    between = _BETWEEN[0]
    while not (found := look()):
        assert time.monotonic() < deadline, f"It did not come true that {what}."
        time.sleep(between)
        between = min(2 * between, most)
    return found
