"""Deleting a version: one transaction, whose commit is the point of no return."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grid_datastores.domain.errors import InUse
from grid_datastores.domain.model import EventKind, Quota, Receipt, RemainingVersion, Verdict
from grid_datastores.domain.rules import check_deletable
from grid_datastores.service.context import Context, owned
from grid_datastores.service.copies import may_have_copies
from grid_datastores.service.listing import MAX_KEPT

if TYPE_CHECKING:
    from datetime import datetime

    from grid_datastores.catalog import Transaction
    from grid_datastores.domain.model import User, Version


class Deletion:
    """The use cases of deletion."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def delete(self, user: User, version_id: str) -> Receipt:
        """Delete exactly this version, permanently, and return the receipt.

        Takes the lock that mounting also takes, so a mount and a delete can never both succeed. The commit is the point
        of no return; the removal erases the bytes later, so the size of the version does not matter. Raises `NotFound`,
        `AlreadyDeleted` and `InUse`.

        Enforces delete-exactly-one, delete-immediate and delete-irreversible.
        Enforces in-use-at-request, as mounting does.
        """
        refusal: InUse | None = None
        with self._context.catalog.write(frees_space=True) as tx:
            now = self._context.clock()
            version = owned(tx, user, version_id, lock=True)
            holders = tx.workloads.holders(version.id, self._context.leases.now(tx))
            try:
                check_deletable(version, holders)
            except InUse as error:
                refusal = error
                users = ", ".join(f"{holder.kind} {holder.name}" for holder in holders)
                tx.versions.record(version.id, EventKind.REFUSED, user.name, f"in use by {users}", now)
            else:
                receipt = self._receipt(tx, user, version, now)
                tx.versions.mark_deleted(version.id, user.name, now)
                tx.versions.record(version.id, EventKind.DELETED, user.name, "", now)
        if refusal:
            raise refusal
        self._context.wake_removal()
        return receipt

    def verdict(self, user: User, version_id: str) -> Verdict:
        """Return what `delete` would answer now, without changing anything."""
        with self._context.catalog.read() as tx:
            now = self._context.clock()
            version = owned(tx, user, version_id)
            refusal = _refusal(tx, version, self._context.leases.now(tx))
            return Verdict(refusal, self._receipt(tx, user, version, now))

    def refusal(self, user: User, version_id: str) -> str:
        """Return the message with which `delete` would refuse now ("" for none), without changing anything.

        Unlike `verdict`, this does not read the other versions under the name.
        """
        with self._context.catalog.read() as tx:
            return _refusal(tx, owned(tx, user, version_id), self._context.leases.now(tx))

    def _receipt(self, tx: Transaction, user: User, version: Version, now: datetime) -> Receipt:
        before = self._context.quota(tx, user)
        freed = 1 if version.phase.counts_against_quota else 0
        kept = tx.lists.others(version, MAX_KEPT)
        return Receipt(
            id=version.id,
            ref=version.ref,
            source=version.source,
            file_count=version.file_count,
            size_bytes=version.size_bytes,
            deleted_at=now,
            remaining=tuple(RemainingVersion(one.number, one.fingerprint) for one in reversed(kept.newest)),
            remaining_total=kept.total,
            quota_before=before,
            quota_after=Quota(before.used - freed, before.limit),
            may_have_copies=may_have_copies(tx, version.id),
        )


def _refusal(tx: Transaction, version: Version, now: datetime) -> str:
    """Return the message if the version is in use, or "". Raises `AlreadyDeleted`."""
    try:
        check_deletable(version, tx.workloads.holders(version.id, now))
    except InUse as error:
        return error.message
    return ""
