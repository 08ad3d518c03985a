"""Locks between the processes of this machine: files that a process holds while it lives, and that die with it."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Hold the lock together with others who share it; waits for who holds it alone."""
    with _locked(path, fcntl.LOCK_SH):
        yield


@contextmanager
def alone(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock while nobody else does. Without waiting, raises `BlockingIOError` when somebody does."""
    with _locked(path, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB):
        yield


def locked(descriptor: int) -> bool:
    """Whether this open file or folder is the caller's alone from now on, until it is closed; False when it is not."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock(descriptor: int) -> None:
    """Wait until this open file is the caller's alone; it stays so until it is closed."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, how)
            if not _is(path, descriptor):
                continue  # who held it has removed the file meanwhile: others would lock another one
            yield
            return
        finally:
            os.close(descriptor)


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
