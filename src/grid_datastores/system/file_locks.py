"""Locks between the processes of this machine. The system releases a process's locks when the process ends."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAX_PAUSE = 0.02  # seconds between two attempts


@contextmanager
def shared_lock(path: Path) -> Iterator[None]:
    """Hold a shared lock on the file, which is created if necessary. Waits for the holder of an exclusive lock."""
    with _lock(path, fcntl.LOCK_SH):
        yield


@contextmanager
def exclusive_lock(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold an exclusive lock on the file, which is created if necessary.

    Raises `BlockingIOError` if another process holds a lock and `wait` is False.
    """
    with _lock(path, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB):
        yield


def try_lock(descriptor: int) -> bool:
    """Lock an open file or folder exclusively, until it is closed. Return False if another process has locked it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def try_shared_lock(descriptor: int) -> bool:
    """Hold a shared lock on an open file until it is closed. Return False if another holds an exclusive one.

    Where the file system has no locks, this does nothing and returns True.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def wait_for_lock(descriptor: int, seconds: float) -> None:
    """Lock an open file exclusively, until it is closed. Raises `TimeoutError` if another process has it for longer."""
    _wait(descriptor, fcntl.LOCK_EX, seconds)


def wait_for_shared_lock(descriptor: int, seconds: float) -> None:
    """Lock an open file as shared, until it is closed. Raises `TimeoutError` if another process has it for longer."""
    _wait(descriptor, fcntl.LOCK_SH, seconds)


def _wait(descriptor: int, operation: int, seconds: float) -> None:
    until, pause = monotonic() + seconds, 0.001
    while True:
        try:
            fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if monotonic() >= until:
                raise TimeoutError(
                    errno.ETIMEDOUT, f"another process has locked it for more than {seconds:.0f} seconds"
                ) from error
        else:
            return
        sleep(pause)
        pause = min(2 * pause, _MAX_PAUSE)


def try_range_lock(descriptor: int, start: int, size: int) -> bool:
    """Lock `size` bytes of a file that is open for writing, from `start`, until it is closed.

    Return False if another open file has locked some of them, or if the system has no such locks.
    """
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, start, size, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock)
    except (AttributeError, OSError):
        return False
    return True


def is_same_file(path: Path, descriptor: int) -> bool:
    """Return whether the path still names the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextmanager
def _lock(path: Path, operation: int) -> Iterator[None]:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, operation)
            if not is_same_file(path, descriptor):
                continue  # the last holder removed this file, so other processes lock a new one
            yield
            return
        finally:
            os.close(descriptor)
