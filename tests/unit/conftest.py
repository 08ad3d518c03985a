"""What all unit tests have."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_running_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let a test call `asyncio.run`, also in a process that ran a browser test before.

    Playwright's loop keeps running in this thread, below the tests, until the process ends.
    """
    left = asyncio._get_running_loop()
    if "shared_chromium" not in request.fixturenames:
        asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(left)
