"""All use cases as one value, opened with the settings."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from grid_datastores.catalog import Catalog
from grid_datastores.domain.errors import CatalogFailed
from grid_datastores.domain.model import Phase
from grid_datastores.service.catalog_check import check_catalog
from grid_datastores.service.context import Context, utc_now
from grid_datastores.service.leases import Leases
from grid_datastores.service.removal import run_removals
from grid_datastores.storage import LocalStorage
from grid_datastores.system.clock import boot_id, running_time
from grid_datastores.system.files import make_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from grid_datastores.domain.model import Workload
    from grid_datastores.service.accounts import Accounts
    from grid_datastores.service.copies import Copies
    from grid_datastores.service.deletion import Deletion
    from grid_datastores.service.finishing import Finishing
    from grid_datastores.service.listing import Listing
    from grid_datastores.service.reading import Reading
    from grid_datastores.service.uploads import Uploads
    from grid_datastores.service.user_removal import UserRemoval
    from grid_datastores.service.workloads import Workloads
    from grid_datastores.settings import Settings
    from grid_datastores.storage import Storage


class Service:
    """The use cases, by subject. Each subject is loaded on its first use: a command needs few of them."""

    context: Context  # what they share

    def __init__(self, context: Context) -> None:
        self.context = context

    @cached_property
    def accounts(self) -> Accounts:
        """Users, their API keys and tokens."""
        from grid_datastores.service.accounts import Accounts

        return Accounts(self.context)

    @cached_property
    def user_removal(self) -> UserRemoval:
        """The removal of users."""
        from grid_datastores.service.user_removal import UserRemoval

        return UserRemoval(self.context)

    @cached_property
    def uploads(self) -> Uploads:
        """New versions and their data."""
        from grid_datastores.service.uploads import Uploads

        return Uploads(self.context, self.finishing)

    @cached_property
    def finishing(self) -> Finishing:
        """The work in the background. A server makes it before its threads start, because they take turns in it."""
        from grid_datastores.service.finishing import Finishing

        return Finishing(self.context)

    @cached_property
    def reading(self) -> Reading:
        """Versions, their contents and their history."""
        from grid_datastores.service.reading import Reading

        return Reading(self.context)

    @cached_property
    def listing(self) -> Listing:
        """Pages of lists."""
        from grid_datastores.service.listing import Listing

        return Listing(self.context)

    @cached_property
    def deletion(self) -> Deletion:
        """The deletion of versions."""
        from grid_datastores.service.deletion import Deletion

        return Deletion(self.context)

    @cached_property
    def workloads(self) -> Workloads:
        """Sessions and Runs."""
        from grid_datastores.service.workloads import Workloads

        return Workloads(self.context)

    @cached_property
    def copies(self) -> Copies:
        """What other places may still have of deleted versions."""
        from grid_datastores.service.copies import Copies

        return Copies(self.context)

    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed: the folder cannot be written, or the service was opened so."""
        return self.context.catalog.read_only

    def now(self) -> datetime:
        """Return the time by which tokens and signed URLs expire, in UTC. It never goes back."""
        return self.context.leases.latest()

    def renew_leases(self) -> None:
        """Renew all leases and expiries, because no heartbeat or data could arrive while no server ran."""
        self.context.leases.renew()

    def close(self) -> None:
        """Close the catalog and release the storage."""
        self.context.catalog.sync_log()
        self.context.catalog.close()
        self.context.storage.release()

    def tidy(self, is_alive: Callable[[Workload], bool] = lambda _run: False) -> bool:
        """End what has expired: Runs, uploads and sign-ins. Then erase secrets and the bytes of deleted versions.

        `is_alive` returns whether a Run without heartbeats still has a process. Such a Run gets a new lease.
        Returns whether the removal of a version is not finished and should be retried soon.
        """
        self.end_expired(is_alive)
        return self.erase_deleted()

    def end_expired(self, is_alive: Callable[[Workload], bool]) -> None:
        """Do what `tidy` does, except for the bytes of deleted versions."""
        self.context.leases.keep_time()
        with self.context.catalog.read() as tx:
            can_expire = tx.facts.anything_can_expire()
        if can_expire:
            self.workloads.end_expired_runs(is_alive)
            self.finishing.expire()
            self.accounts.forget_expired_sign_ins()
        self.context.catalog.erase_secrets()

    def erase_deleted(self) -> bool:
        """Erase the bytes of every deleted version that still has some (rule delete-removes-bytes).

        Before, the deletions become durable in the log: a catalog from a backup must not list a version without bytes.
        Returns whether the removal of a version is not finished and should be retried soon.
        """
        with self.context.catalog.read() as tx:
            has_queued = tx.versions.has_queued_removals()
        if has_queued:
            return run_removals(self.context)
        self.context.catalog.sync_log()
        return False

    def end_readers_of_deleted(self) -> None:
        """End this process's transfers of versions that any process has deleted."""
        for version_id in self.context.readers.version_ids():
            with self.context.catalog.read() as tx:
                version = tx.versions.get(version_id)
            if version is None or version.phase is Phase.DELETED:
                self.context.readers.end(version_id)


def open_service(
    settings: Settings,
    wake_workers: Callable[[], object],
    clock: Callable[[], datetime] = utc_now,
    running: Callable[[], float] = running_time,
    boot: str | None = None,
    *,
    read_only: bool = False,
    on_damage: Callable[[str], object] = lambda _what: None,
    wake_removal: Callable[[], object] = lambda: None,
) -> Service:
    """Return the service on the settings' catalog and storage.

    The service calls `wake_workers` when `finishing.finish_waiting` has work, and `wake_removal` when `erase_deleted`
    has some. `running` returns the running time since `boot`, by default of this machine since its current boot. With
    `read_only`, nothing is changed and the catalog must exist. It calls `on_damage` with a sentence whenever it finds
    stored bytes damaged. Raises `CatalogFailed` if the catalog does not belong to the data, or is older.
    """
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not read_only:
        make_private(settings.data)
    storage = open_storage(settings)
    try:
        catalog = _open_catalog(settings, storage, read_only=read_only)
    except BaseException:
        storage.release()
        raise
    limits = settings.limits
    leases = Leases(catalog, clock, running, boot_id() if boot is None else boot)
    if not catalog.read_only:
        leases.keep_time()
    context = Context(
        catalog,
        storage,
        settings.scratch,
        limits,
        wake_workers,
        leases,
        clock,
        on_damage=on_damage,
        wake_removal=wake_removal,
    )
    return Service(context)


def _open_catalog(settings: Settings, storage: Storage, *, read_only: bool) -> Catalog:
    check_catalog(settings, storage)
    settings.scratch.mkdir(exist_ok=True)
    catalog = Catalog(settings.catalog, read_only=read_only)
    try:
        if not catalog.read_only:
            catalog.keep_log(storage.log)
    except BaseException:
        catalog.close()
        raise
    return catalog


def open_storage(settings: Settings, *, alone: bool = False) -> Storage:
    """Return the settings' storage, in use until it is released. Raises a refusal if it is being repaired.

    With `alone`, it raises a refusal if any other process uses it.
    """
    storage = LocalStorage(settings.data)
    if not storage.hold(alone=alone):
        user = "a server or another command uses" if alone else "grid admin check --repair works on"
        raise CatalogFailed(f"Nothing was done, because {user} {settings.data}. Try again when it has ended.")
    return storage
