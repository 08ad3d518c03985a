"""A test passes after any other one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def left_running() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs in this thread, as after a browser test."""
    loop, before = asyncio.new_event_loop(), asyncio._get_running_loop()
    asyncio._set_running_loop(loop)
    yield loop
    assert asyncio._get_running_loop() is loop, "the browser tests that follow need it"
    asyncio._set_running_loop(before)
    loop.close()


def test_a_unit_test_can_run_a_loop_after_a_browser_test(left_running: asyncio.AbstractEventLoop) -> None:
    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert asyncio.run(loop()) is not left_running
