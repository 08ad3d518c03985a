"""Sessions and Runs: mounting, pausing, resuming, ending."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from grid_datastores.domain.errors import InvalidInput, NameTaken, NotFound
from grid_datastores.domain.lists import WorkloadsPage
from grid_datastores.domain.model import EventKind, Mount, Workload, WorkloadKind, WorkloadState
from grid_datastores.domain.naming import check_name
from grid_datastores.domain.rules import (
    check_mount_path,
    check_mountable,
    check_revivable,
    check_transition,
    holds,
    pick_by_name,
)
from grid_datastores.service.context import Context, owned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from grid_datastores.catalog import Transaction
    from grid_datastores.domain.model import User


MAX_PER_PAGE = 1000


class Workloads:
    """The use cases of Sessions and Runs."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def start(
        self, user: User, kind: WorkloadKind, name: str, paths: Mapping[str, str], *, leased: bool = False
    ) -> Workload:
        """Start a workload that mounts the versions with these ids, and return it.

        `paths` maps each version's id to its mount path ("" for the default path). Takes the lock of every version, in
        id order, that deleting also takes. A `leased` workload holds its versions only while heartbeats arrive. This
        process's settings set the length of the lease, whichever process renews it. Raises `InvalidInput`, `NameTaken`,
        `NotFound`, `NotMountable`. Enforces in-use-at-request.
        """
        check_name(name, kind.lower())
        lease = self._context.limits.lease
        with self._context.catalog.write() as tx:
            now, leased_from = self._context.clock(), self._context.leases.now(tx)
            tx.users.lock(user.id)
            if tx.workloads.holds_name(user.id, kind, name, leased_from):
                raise NameTaken.workload(kind, name)
            mounts = tuple(_mount(tx, user, version_id, paths[version_id]) for version_id in sorted(paths))
            if len({mount.path for mount in mounts}) != len(mounts):
                raise InvalidInput("Two versions cannot be mounted at the same path.")
            workload = Workload(
                uuid4().hex,
                kind,
                user.id,
                name,
                WorkloadState.RUNNING,
                now,
                now,
                mounts,
                leased_from + timedelta(seconds=lease) if leased else None,
                lease if leased else None,
            )
            tx.workloads.add(workload)
            for mount in mounts:
                tx.versions.mark_used(mount.version_id, f"{kind} {name}", now)
            self._record(tx, workload, EventKind.MOUNTED, user, now)
            return self._shown(tx, workload)

    def list(self, user: User, kind: WorkloadKind, *, live: bool = False) -> Iterator[Workload]:
        """Yield the user's workloads of this kind that are not deleted, oldest first. Reads them page by page.

        With `live`, only those that have not ended.
        """
        last = ""
        while True:
            page = self.page(user, kind, after=last, live=live)
            yield from page.workloads
            if not page.more:
                return
            last = page.workloads[-1].id

    def page(
        self, user: User, kind: WorkloadKind, *, after: str = "", size: int = MAX_PER_PAGE, live: bool = False
    ) -> WorkloadsPage:
        """Return one page of such a list: at most `size` workloads, after the one with the id `after`.

        Raises `InvalidInput` if the user never had a workload of this kind and id.
        """
        size = min(size, MAX_PER_PAGE)
        with self._context.catalog.read() as tx:
            last = tx.workloads.get(after) if after else None
            if after and (last is None or last.owner_id != user.id or last.kind is not kind):
                raise InvalidInput("The page token is not valid. Use the nextPageToken of an earlier page.")
            listed = tx.workloads.of_owner(user.id, kind, after=last, count=size + 1, live=live)
            found = self._context.leases.shown(tx, listed)
        return WorkloadsPage(tuple(found[:size]), len(found) > size)

    def count(self, user: User, kind: WorkloadKind) -> int:
        """Return how many workloads of this kind are not deleted."""
        with self._context.catalog.read() as tx:
            return tx.workloads.count(user.id, kind)

    def get(self, user: User, kind: WorkloadKind, workload_id: str) -> Workload:
        """Return the user's workload with this id. Raises `NotFound`, also if it is deleted or another user's."""
        with self._context.catalog.read() as tx:
            return self._shown(tx, _owned_workload(tx, user, kind, workload_id))

    def named(self, user: User, kind: WorkloadKind, name: str) -> Workload:
        """Return the user's workload of this name: the live one if there are several, else the newest."""
        with self._context.catalog.read() as tx:
            named = tx.workloads.named(user.id, kind, name)
            found = self._shown(tx, named) if named else None
        return pick_by_name([found] if found else [], kind, name)

    def ended(self, user: User, workload_id: str) -> Workload | None:
        """Return the user's workload with this id if it has ended, even if it is deleted. Otherwise return None."""
        with self._context.catalog.read() as tx:
            workload = tx.workloads.get(workload_id)
        return workload if workload and workload.owner_id == user.id and not workload.state.live else None

    def set_state(self, user: User, kind: WorkloadKind, workload_id: str, state: WorkloadState) -> Workload:
        """Pause, resume or end the workload and return it. Ending it releases its versions.

        Enforces in-use-until-released.
        """
        with self._context.catalog.write() as tx:
            now = self._context.clock()
            workload = _owned_workload(tx, user, kind, workload_id)
            check_transition(workload, state)
            if state is not workload.state:
                tx.workloads.set_state(workload.id, state, now)
                if workload.state.live and not state.live:
                    tx.workloads.end_lease(workload.id)
                    self._record(tx, workload, EventKind.RELEASED, user, now)
            return self._shown(tx, tx.workloads.get(workload.id) or workload)

    def heartbeat(self, user: User, workload_id: str) -> Workload:
        """Renew the Run's lease and return the Run. Revives it if its lease expired and its versions still exist.

        A Run without a lease gets none: it holds its versions until it is ended.
        """
        with self._context.catalog.write() as tx:
            now = self._context.leases.now(tx)
            run = _owned_workload(tx, user, WorkloadKind.RUN, workload_id)
            if not holds(run, now):
                self._revive(tx, user, run)
            if run.lease_until is not None:
                tx.workloads.renew_lease(run.id, run.lease_seconds or self._context.limits.lease, now)
            return self._shown(tx, tx.workloads.get(run.id) or run)

    def end_expired_runs(self, is_alive: Callable[[Workload], bool]) -> None:
        """End the Runs with an expired lease, and renew those that `is_alive` confirms. Enforces in-use-dead-holder."""
        with self._context.catalog.read() as tx:
            now = self._context.leases.now(tx)
            if not tx.workloads.with_expired_lease(now) and not tx.workloads.has_overlong_lease(now):
                return
        with self._context.catalog.write() as tx:
            now = self._context.leases.now(tx)
            tx.workloads.shorten_leases(now)
            for run in tx.workloads.with_expired_lease(now):
                if is_alive(run):
                    tx.workloads.renew_lease(run.id, run.lease_seconds or self._context.limits.lease, now)
                    continue
                ended = self._context.clock()
                tx.workloads.set_state(run.id, WorkloadState.FAILED, ended)
                owner = tx.users.get(run.owner_id)
                if owner:
                    self._record(tx, run, EventKind.RELEASED, owner, ended, " died")

    def _shown(self, tx: Transaction, workload: Workload) -> Workload:
        return self._context.leases.shown(tx, [workload])[0]

    def _revive(self, tx: Transaction, user: User, run: Workload) -> None:
        """Make the Run hold its versions again, under the locks that mounting takes (rule in-use-at-request)."""
        tx.users.lock(user.id)
        version_ids = sorted(mount.version_id for mount in run.mounts)
        check_revivable(run, [owned(tx, user, version_id, lock=True) for version_id in version_ids])
        if not run.state.live:
            now = self._context.clock()
            tx.workloads.set_state(run.id, WorkloadState.RUNNING, now)
            self._record(tx, run, EventKind.MOUNTED, user, now, " came back")

    def _record(
        self, tx: Transaction, workload: Workload, kind: EventKind, user: User, now: datetime, how: str = ""
    ) -> None:
        message = f"{workload.kind} {workload.name}{how}"
        for mount in workload.mounts:
            tx.versions.record(mount.version_id, kind, user.name, message, now)


def _owned_workload(tx: Transaction, user: User, kind: WorkloadKind, workload_id: str) -> Workload:
    workload = tx.workloads.get(workload_id)
    known = workload and workload.owner_id == user.id and workload.kind is kind
    if not workload or not known or workload.state is WorkloadState.DELETED:
        raise NotFound.id(kind, workload_id)
    return workload


def _mount(tx: Transaction, user: User, version_id: str, path: str) -> Mount:
    version = owned(tx, user, version_id, lock=True)
    check_mountable(version)
    return Mount(version.id, version.ref, check_mount_path(path or f"/datastores/{version.ref.name}"))
