"""Extend leases and uploads after periods in which no heartbeat could arrive: clock jumps and server downtime."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from grid_datastores.catalog.facts import CLOCK

if TYPE_CHECKING:
    from collections.abc import Callable

    from grid_datastores.catalog import Catalog, Transaction

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIN_JUMP = timedelta(seconds=1)  # a smaller change between two measurements is a clock correction, not a jump
_MIN_STORED_CHANGE = timedelta(seconds=0.1)  # larger changes are stored, so that corrections do not add up to a jump


class Leases:
    """Protects Runs and uploads from clock jumps (rules in-use-dead-holder, upload-resumed).

    It compares the wall clock with the monotonic clock, which nobody sets and which stops while the machine sleeps. A
    jump changes their offset. All processes of one boot share the monotonic clock, so the catalog stores the offset: a
    command that starts after a jump still detects it. If `boot` is unknown (""), each process knows only its own
    offset.
    """

    def __init__(
        self, catalog: Catalog, clock: Callable[[], datetime], steady: Callable[[], float], boot: str = ""
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._steady = steady
        self._boot = boot
        self._lock = Lock()
        self._offset = self._current_offset()

    def renew(self) -> None:
        """Restart the lease of every running Run and the expiry of every upload."""
        with self._catalog.write() as tx:
            _renew(tx, self._clock())

    def renew_after_clock_jump(self) -> None:
        """Restart the lease of every running Run and the expiry of every upload if the clock has jumped."""
        with self._lock:
            offset = self._current_offset()
            before = self._stored_offset()
            moved = abs(offset - (self._offset if before is None else before))
            if moved > _MIN_JUMP or (self._boot and (before is None or moved > _MIN_STORED_CHANGE)):
                self._store(offset, jumped=moved > _MIN_JUMP)
            self._offset = offset

    def _stored_offset(self) -> timedelta | None:
        """Return the offset that a process of this boot stored last, or None."""
        if not self._boot:
            return None
        with self._catalog.read() as tx:
            boot, _, offset = (tx.facts.get(CLOCK) or "").partition(" ")
        return timedelta(seconds=float(offset)) if boot == self._boot else None

    def _store(self, offset: timedelta, *, jumped: bool) -> None:
        with self._catalog.write() as tx:
            if jumped:
                _renew(tx, self._clock())
            if self._boot:
                tx.facts.put(CLOCK, f"{self._boot} {offset.total_seconds():.6f}")

    def _current_offset(self) -> timedelta:
        return self._clock() - _EPOCH - timedelta(seconds=self._steady())


def _renew(tx: Transaction, now: datetime) -> None:
    tx.workloads.renew_leases(now)
    tx.versions.mark_all_active(now)


def boot_id() -> str:
    """Return an id shared by all processes that share the monotonic clock, or "" if the system has none."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
    with suppress(OSError):  # a container can have its own monotonic clock
        boot += f"-{Path('/proc/self/ns/time').readlink()}"
    return boot
