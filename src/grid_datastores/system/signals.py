"""Make SIGTERM and SIGHUP raise an exception, as Ctrl-C does, and defer all three during critical sections."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

MAX_DEFERRAL = 3.0  # seconds; a second signal ends the critical section at once

_TERMINATING = (signal.SIGTERM, signal.SIGHUP)
_DEFERRED = (signal.SIGINT, *_TERMINATING, signal.SIGALRM)


class Terminated(KeyboardInterrupt):
    """The exception for SIGTERM and SIGHUP. Handlers of Ctrl-C catch it, too."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number  # the shells' convention


def raise_on_termination() -> None:
    """Make SIGTERM and SIGHUP raise `Terminated`, unless they are ignored or already have a handler."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _TERMINATING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminate)


def in_foreground() -> bool:
    """Return whether a terminal sends its Ctrl-C to this process, wherever the standard streams lead."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:  # there is no controlling terminal
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # the terminal was closed
        return False
    finally:
        os.close(terminal)


def signal_exit_code(error: BaseException | None) -> int | None:
    """Return the exit code for SIGTERM or SIGHUP, or None if neither of them caused this error."""
    while error is not None:
        if isinstance(error, Terminated):
            return error.exit_code
        error = error.__cause__ or error.__context__
    return None


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)


@contextmanager
def defer_interrupts() -> Iterator[None]:
    """Defer Ctrl-C, SIGTERM and SIGHUP until the context ends, for at most `MAX_DEFERRAL` seconds."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    deferred: int | None = None

    def defer(number: int, _frame: FrameType | None) -> None:
        nonlocal deferred
        if deferred is not None:  # a second signal, or SIGALRM after `MAX_DEFERRAL`
            raise Terminated(deferred) if deferred in _TERMINATING else KeyboardInterrupt
        deferred = number
        signal.setitimer(signal.ITIMER_REAL, MAX_DEFERRAL)

    handlers = {number: signal.signal(number, defer) for number in _DEFERRED if not _is_ignored(number)}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if deferred is not None:
        signal.raise_signal(deferred)


def _is_ignored(number: int) -> bool:
    """Return whether the process ignores the signal, for example SIGHUP under nohup."""
    return signal.getsignal(number) is signal.SIG_IGN
