"""All use cases as one value, opened with the settings."""

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
from grid_datastores.service.leases import Leases, boot_id
from grid_datastores.service.listing import Listing
from grid_datastores.service.reading import Reading
from grid_datastores.service.removal import run_removals
from grid_datastores.service.uploads import Uploads
from grid_datastores.service.user_removal import UserRemoval
from grid_datastores.service.workloads import Workloads
from grid_datastores.storage import LocalStorage
from grid_datastores.system.files import make_private

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
    user_removal: UserRemoval
    uploads: Uploads
    finishing: Finishing
    reading: Reading
    listing: Listing
    deletion: Deletion
    workloads: Workloads
    copies: Copies

    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed: the folder cannot be written, or the service was opened so."""
        return self.context.catalog.read_only

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return self.context.clock()

    def renew_leases(self) -> None:
        """Renew all leases and expiries, because no heartbeat or data could arrive while no server ran."""
        self.context.leases.renew()

    def close(self) -> None:
        """Close the catalog."""
        self.context.catalog.close()

    def tidy(self, is_alive: Callable[[Workload], bool] = lambda _run: False) -> None:
        """End what has expired: Runs, uploads and sign-ins. Then erase secrets and the bytes of deleted versions.

        `is_alive` returns whether a Run without heartbeats still has a process. Such a Run gets a new lease.
        """
        self.workloads.end_expired_runs(is_alive)
        self.finishing.expire()
        self.accounts.forget_expired_sign_ins()
        self.context.catalog.erase_secrets()
        self.erase_deleted()

    def erase_deleted(self) -> None:
        """Erase the bytes of every deleted version that still has some (rule delete-removes-bytes)."""
        run_removals(self.context.catalog, self.context.storage, self.context.clock)


def open_service(
    settings: Settings,
    wake_workers: Callable[[], object],
    clock: Callable[[], datetime] = utc_now,
    steady: Callable[[], float] = monotonic,
    boot: str | None = None,
    *,
    read_only: bool = False,
) -> Service:
    """Return the service on the settings' catalog and storage.

    The service calls `wake_workers` when `tidy` or `finishing.finish_waiting` has work. `steady` is the monotonic clock
    of `boot`, by default of this machine's current boot. With `read_only`, nothing is changed and the catalog must
    exist.
    """
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not read_only:
        make_private(settings.data)
    settings.scratch.mkdir(exist_ok=True)
    catalog, limits = Catalog(settings.catalog, read_only=read_only), settings.limits
    leases = Leases(catalog, clock, steady, boot_id() if boot is None else boot)
    context = Context(catalog, LocalStorage(settings.data), settings.scratch, limits, wake_workers, leases, clock)
    finishing = Finishing(context)
    return Service(
        context,
        Accounts(context),
        UserRemoval(context),
        Uploads(context, finishing),
        finishing,
        Reading(context),
        Listing(context),
        Deletion(context),
        Workloads(context),
        Copies(context),
    )
