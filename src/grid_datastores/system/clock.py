"""The clock of this machine that nobody sets. All its processes share it."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

_UPTIME = Path("/proc/uptime")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def running_time() -> float:
    """Return for how many seconds this machine has been running since it booted. Time asleep does not count.

    A library that fakes the clocks of one process, such as libfaketime, does not reach the kernel's own file. The
    smaller of both readings counts, so that a lease can last longer, but not shorter.
    """
    return min(time.monotonic(), _uptime())


def boot_id() -> str:
    """Return an id shared by all processes that share `running_time`, or "" if the system has none."""
    try:
        boot = _BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
    with suppress(OSError):  # a container can have its own monotonic clock
        boot += f"-{Path('/proc/self/ns/time').readlink()}"
    return boot


def _uptime() -> float:
    """Return the seconds since the machine booted, with those asleep. Infinite if the kernel does not say."""
    if not _is_of_kernel():
        return math.inf
    try:
        return float(_UPTIME.read_bytes().split()[0])
    except (OSError, ValueError, IndexError):
        return math.inf


@cache
def _is_of_kernel() -> bool:
    """Return whether the file with the uptime is the kernel's. LXCFS replaces it with the uptime of the container."""
    try:
        return _UPTIME.stat().st_dev == _BOOT_ID.stat().st_dev
    except OSError:
        return False
