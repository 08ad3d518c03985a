"""Leases and uploads over times in which nothing could arrive: the clock jumps, or the server is away."""

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
_JUMP = timedelta(seconds=1)  # a smaller change between two looks is a correction of the clock, not a jump
_DRIFT = timedelta(seconds=0.1)  # a larger change is stored, so that corrections do not add up to a jump


class Leases:
    """Forgives the time that a jump of the clock takes from Runs and uploads (in-use-dead-holder, upload-resumed).

    The wall clock is compared with a steady one, which nobody sets and which stops while the machine sleeps. All
    processes of one boot share the steady clock, so the catalog stores the difference: a command that was not running
    when the clock jumped notices the jump, too. Where `boot` is unknown (""), a process knows only its own time.
    """

    def __init__(
        self, catalog: Catalog, clock: Callable[[], datetime], steady: Callable[[], float], boot: str = ""
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._steady = steady
        self._boot = boot
        self._lock = Lock()
        self._apart = self._difference()

    def renew(self) -> None:
        """Give every running Run a whole lease, and every upload its whole expiry: nothing could arrive until now."""
        with self._catalog.write() as tx:
            _renew(tx, self._clock())

    def renew_after_jump(self) -> None:
        """Give every running Run a whole lease, and every upload its whole expiry, if the clock has jumped."""
        with self._lock:
            apart = self._difference()
            before = self._seen()
            moved = abs(apart - (self._apart if before is None else before))
            if moved > _JUMP or (self._boot and (before is None or moved > _DRIFT)):
                self._store(apart, jumped=moved > _JUMP)
            self._apart = apart

    def _seen(self) -> timedelta | None:
        """The difference that the last process of this boot saw."""
        if not self._boot:
            return None
        with self._catalog.read() as tx:
            boot, _, apart = (tx.facts.get(CLOCK) or "").partition(" ")
        return timedelta(seconds=float(apart)) if boot == self._boot else None

    def _store(self, apart: timedelta, *, jumped: bool) -> None:
        with self._catalog.write() as tx:
            if jumped:
                _renew(tx, self._clock())
            if self._boot:
                tx.facts.put(CLOCK, f"{self._boot} {apart.total_seconds():.6f}")

    def _difference(self) -> timedelta:
        return self._clock() - _EPOCH - timedelta(seconds=self._steady())


def _renew(tx: Transaction, now: datetime) -> None:
    tx.workloads.renew_leases(now)
    tx.versions.mark_all_active(now)


def this_boot() -> str:
    """What all processes that share the steady clock have in common; "" where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
    with suppress(OSError):  # a container can have a steady clock of its own
        boot += f"-{Path('/proc/self/ns/time').readlink()}"
    return boot
