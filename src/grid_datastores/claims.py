"""Claims: of all threads and processes of this machine one holds a file or folder, as long as it lives."""

from __future__ import annotations

import fcntl


def locked(descriptor: int) -> bool:
    """Whether this open file is the caller's alone from now on, until it is closed; False when another holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
