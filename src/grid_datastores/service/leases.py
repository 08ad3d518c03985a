"""The clock of leases and expiries: it only counts time in which this machine was seen running.

| What | Its clock |
| --- | --- |
| leases of Runs, expiry of uploads and fetches | `Leases.now`, whatever happens to the wall clock |
| tokens, signed URLs | `Leases.latest`: the wall clock, but never earlier than it has been |
| times that are only shown or sorted by | the wall clock |
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from grid_datastores.catalog.facts import LEASE_CLOCK
from grid_datastores.domain.errors import Busy, CatalogFailed, Damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from grid_datastores.catalog import Catalog, Transaction
    from grid_datastores.domain.model import Workload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_UNSTORED_TIME = 15 * 60.0  # seconds of running time that a reboot can take back
_MAX_UNSTORED_LEAD = 1.0  # seconds by which the wall clock can be set back without notice


class _Reading(NamedTuple):
    """The clock of leases and the wall clock at one moment, in seconds since 1970, and the running time of `boot`.

    `lead` is how far the wall clock has been ahead of the clock of leases at most.
    """

    boot: str
    running: float
    wall: float
    time: float
    lead: float


class Leases:
    """Runs and uploads live by a clock that cannot jump (rules in-use-dead-holder, upload-resumed).

    It began at the time of the wall clock. Since then it counts the running time of the machine, which nobody sets and
    which all processes share. The catalog stores a reading, so that all processes on it agree.

    After a reboot, the clock continues from the stored reading plus the time since the reboot. The time in between does
    not count, because only the wall clock knows it. Nor does more than passed on the wall clock: the catalog can come
    from another machine, which was rebooted later.

    If `boot` is unknown (""), a smaller running time shows a reboot. A larger one can follow a reboot, too. Then less
    time is counted than has passed.
    """

    def __init__(
        self, catalog: Catalog, clock: Callable[[], datetime], running: Callable[[], float], boot: str
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._boot = boot
        self.running = running
        self._lead = 0.0  # the largest that this process has seen, stored by `keep_time`

    def now(self, tx: Transaction) -> datetime:
        """Return the time by the clock of leases."""
        return _time(self._read(_stored(tx)).time)

    def latest(self) -> datetime:
        """Return the time of the wall clock or, if it was set back, the time that it would show otherwise."""
        with self._catalog.read() as tx:
            reading = self._read(_stored(tx))
        return _time(reading.time + reading.lead)

    def shown(self, tx: Transaction, workloads: Iterable[Workload]) -> list[Workload]:
        """Return the workloads with the ends of their leases as times of the wall clock."""
        ahead = timedelta(seconds=round((self._clock() - self.now(tx)).total_seconds()))  # the same in each answer
        return [replace(each, lease_until=each.lease_until and each.lease_until + ahead) for each in workloads]

    def keep_time(self) -> None:
        """Store a reading if the stored one is old. If there is none, restart all leases and expiries.

        Without one, their times are those of a release that used the wall clock.
        """
        with self._catalog.read() as tx:
            stored = _stored(tx)
        if stored is None:
            self.renew()
        elif self._is_old(stored):
            with suppress(Busy), self._catalog.write(frees_space=True, at_once=True) as tx:  # a later call stores it
                self._store(tx)

    def renew(self) -> None:
        """Restart the lease of every running Run and the expiry of every upload, and store a reading."""
        with self._catalog.write(frees_space=True) as tx:
            now = _time(self._store(tx).time)
            tx.workloads.renew_leases(now)
            tx.versions.mark_all_active(now)

    def _store(self, tx: Transaction) -> _Reading:
        reading = self._read(_stored(tx))
        tx.facts.put(LEASE_CLOCK, json.dumps(reading._asdict()))
        return reading

    def _is_old(self, stored: _Reading) -> bool:
        reading = self._read(stored)
        return (
            not self._is_same_boot(stored)
            or reading.running - stored.running > _MAX_UNSTORED_TIME
            or reading.lead - stored.lead > _MAX_UNSTORED_LEAD
        )

    def _read(self, stored: _Reading | None) -> _Reading:
        running, wall = self.running(), (self._clock() - _EPOCH).total_seconds()
        if stored is None:
            return _Reading(self._boot, running, wall, wall, 0.0)
        if self._is_same_boot(stored):
            running = max(running, stored.running)
            passed = running - stored.running
        else:
            passed = max(0.0, min(running, wall - stored.wall))
        time = stored.time + passed
        self._lead = max(self._lead, stored.lead, wall - time)
        return _Reading(self._boot, running, wall, time, self._lead)

    def _is_same_boot(self, stored: _Reading) -> bool:
        return stored.boot == self._boot and bool(self._boot or self.running() >= stored.running)


def _stored(tx: Transaction) -> _Reading | None:
    text = tx.facts.get(LEASE_CLOCK)
    try:
        return _Reading(**json.loads(text)) if text else None
    except (ValueError, TypeError) as error:
        message = "The catalog is damaged: its clock of leases cannot be read. Restore it from a backup."
        raise Damaged(message, public=CatalogFailed.public) from error


def _time(seconds: float) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)
