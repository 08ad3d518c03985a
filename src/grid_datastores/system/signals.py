"""Ctrl-C, SIGTERM and SIGHUP end a command by an exception, so that it cleans up; a critical section defers them."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

PATIENCE = 3.0  # seconds that a critical section has to end after a signal; a second signal ends it at once

_ENDING = (signal.SIGTERM, signal.SIGHUP)
_HELD = (signal.SIGINT, *_ENDING, signal.SIGALRM)


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, which end a command as Ctrl-C does."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number  # as shells report it


def raise_when_terminated() -> None:
    """From now on SIGTERM and SIGHUP raise `Terminated`, unless they are ignored or handled already."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminate)


def code_of_signal(error: BaseException | None) -> int | None:
    """The exit code of a command that failed with this error because of SIGTERM or SIGHUP; None for another cause."""
    while error is not None:
        if isinstance(error, Terminated):
            return error.exit_code
        error = error.__cause__ or error.__context__
    return None


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Defer Ctrl-C, SIGTERM and SIGHUP until the block ends, for at most `PATIENCE`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: int | None = None

    def hold(number: int, _frame: FrameType | None) -> None:
        nonlocal came
        if came is not None:
            raise Terminated(came) if came in _ENDING else KeyboardInterrupt
        came = number
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)

    before = {number: signal.signal(number, hold) for number in _HELD if _is_heard(number)}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
    if came is not None:
        signal.raise_signal(came)


def _is_heard(number: int) -> bool:
    """Whether the signal is not ignored, as SIGHUP is under nohup."""
    return signal.getsignal(number) is not signal.SIG_IGN
