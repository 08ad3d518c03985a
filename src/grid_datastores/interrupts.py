"""Ctrl-C and SIGTERM end a command so that it cleans up; a step that must not be half known here is ended first."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

PATIENCE = 3.0  # seconds that a step has to end after Ctrl-C; a second Ctrl-C ends it at once

_HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does."""

    exit_code = 128 + signal.SIGTERM  # as shells say it


def raise_when_terminated() -> None:
    """From now on SIGTERM raises `Terminated`, unless somebody has said what it does."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Let Ctrl-C or SIGTERM do what they do when the block ends, not in its middle, as far as patience goes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: int | None = None

    def hold(number: int, _frame: FrameType | None) -> None:
        nonlocal came
        if came is not None:
            raise KeyboardInterrupt
        came = number
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)

    before = {number: signal.signal(number, hold) for number in _HELD}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
    if came is not None:
        signal.raise_signal(came)
