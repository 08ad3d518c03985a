"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE = 30.0  # seconds after which a condition has not come true
_BETWEEN = 0.02, 0.1  # seconds between two looks, at first and at most


def wait_until(look: Callable[[], Found | None], what: str) -> Found:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + PATIENCE
    between, most = _BETWEEN
    while not (found := look()):
        assert time.monotonic() < deadline, f"It did not come true that {what}."
        time.sleep(between)
        between = min(2 * between, most)
    return found
