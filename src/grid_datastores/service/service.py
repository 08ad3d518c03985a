"""The use cases in one value, opened on what the settings say."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from grid_datastores.catalog import Catalog
from grid_datastores.service.accounts import Accounts
from grid_datastores.service.context import Context, utc_now
from grid_datastores.service.copies import Copies
from grid_datastores.service.deletion import Deletion
from grid_datastores.service.finishing import Finishing
from grid_datastores.service.leases import Leases, this_boot
from grid_datastores.service.reading import Reading
from grid_datastores.service.removal import run_removals
from grid_datastores.service.uploads import Uploads
from grid_datastores.service.workloads import Workloads
from grid_datastores.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from grid_datastores.domain.model import Workload
    from grid_datastores.settings import Settings


@dataclass(frozen=True, slots=True)
class Service:
    """The use cases, by subject."""

    context: Context
    accounts: Accounts
    uploads: Uploads
    finishing: Finishing
    reading: Reading
    deletion: Deletion
    workloads: Workloads
    copies: Copies

    def tidy(self, lives: Callable[[Workload], bool] = lambda _run: False) -> None:
        """End what nobody goes on with (Runs without a heartbeat, uploads), then erase the bytes of what is deleted.

        `lives` is asked of a Run without a heartbeat whether its process is known to live all the same.
        """
        self.workloads.end_lapsed(lives)
        self.finishing.expire()
        self.erase_deleted()

    def erase_deleted(self) -> None:
        """Erase the bytes of every deleted version that still has some (rule delete-removes-bytes)."""
        run_removals(self.context.catalog, self.context.storage, self.context.clock)


def open_service(
    settings: Settings,
    queued: Callable[[], object],
    clock: Callable[[], datetime] = utc_now,
    steady: Callable[[], float] = monotonic,
    boot: str | None = None,
    *,
    to_look: bool = False,
) -> Service:
    """The service on the settings' catalog and storage; `queued` is called when there is work for
    `tidy` or `finishing.finish_waiting`. The steady clock is that of `boot`, this machine's when it is None.

    A service that is only opened `to_look` changes nothing; its catalog must exist.
    """
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.scratch.mkdir(exist_ok=True)
    catalog, limits = Catalog(settings.catalog, to_look=to_look), settings.limits
    leases = Leases(catalog, clock, steady, this_boot() if boot is None else boot)
    context = Context(catalog, LocalStorage(settings.data), settings.scratch, limits, queued, leases, clock)
    finishing = Finishing(context)
    return Service(
        context,
        Accounts(context),
        Uploads(context, finishing),
        finishing,
        Reading(context),
        Deletion(context),
        Workloads(context),
        Copies(context),
    )
