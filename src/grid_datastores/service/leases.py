"""The leases of Runs, over the times in which no heartbeat can come: the clock jumps, or whoever takes them is away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from grid_datastores.catalog import Catalog

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JUMP = timedelta(seconds=1)  # what a clock that is only slowed down or sped up does not differ by between two looks


class Leases:
    """How long a Run holds without a heartbeat (rule in-use-dead-holder).

    The clock is compared with a steady one, which is not set and which stands still while the machine sleeps.
    """

    def __init__(
        self, catalog: Catalog, clock: Callable[[], datetime], steady: Callable[[], float], seconds: int
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._steady = steady
        self._length = timedelta(seconds=seconds)
        self._lock = Lock()
        self._apart = self._difference()

    def until(self, now: datetime) -> datetime:
        """When a lease that begins now lapses."""
        return now + self._length

    def renew(self) -> None:
        """Nobody could send a heartbeat until now: every running Run gets a whole lease."""
        with self._catalog.write() as tx:
            tx.workloads.renew_leases(self.until(self._clock()))

    def renew_after_jump(self) -> None:
        """Renew, if the clock has jumped since the last look: the time between passed for nobody."""
        with self._lock:
            apart = self._difference()
            if abs(apart - self._apart) > _JUMP:
                self.renew()
            self._apart = apart

    def _difference(self) -> timedelta:
        return self._clock() - _EPOCH - timedelta(seconds=self._steady())
