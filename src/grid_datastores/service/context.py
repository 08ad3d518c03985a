"""What every use case works with, and what most of them ask first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import NotFound
from grid_datastores.domain.model import Quota

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from grid_datastores.catalog import Catalog, Transaction
    from grid_datastores.domain.model import User, Version
    from grid_datastores.service.leases import Leases
    from grid_datastores.settings import Limits
    from grid_datastores.storage import Storage


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Context:
    """What use cases work with; `queued` is called when there is work for the removal or the optimizer."""

    catalog: Catalog
    storage: Storage
    scratch: Path  # a folder for temporary files
    limits: Limits
    queued: Callable[[], object]
    leases: Leases
    clock: Callable[[], datetime] = utc_now

    def quota(self, tx: Transaction, user: User) -> Quota:
        """How many versions the user has, and may have."""
        return Quota(tx.versions.counted(user.id), self.limits.quota)


def owned(tx: Transaction, user: User, version_id: str, *, lock: bool = False) -> Version:
    """The user's version with this id, deleted or not; another user's is not found (rule private-to-owner)."""
    version = tx.versions.get(version_id, lock=lock)
    if version is None or version.owner_id != user.id:
        raise NotFound.id("version", version_id)
    return version
