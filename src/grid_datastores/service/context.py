"""The dependencies that all use cases share, and the ownership check that most of them begin with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import NotFound
from grid_datastores.domain.model import Quota
from grid_datastores.service.readers import Readers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from grid_datastores.catalog import Catalog, Transaction
    from grid_datastores.domain.model import User, Version
    from grid_datastores.service.leases import Leases
    from grid_datastores.settings import Limits
    from grid_datastores.storage import Storage


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Context:
    """The dependencies of the use cases. They wake the workers that finish versions, or the removal, if it has work."""

    catalog: Catalog
    storage: Storage
    scratch: Path  # the folder for temporary files
    limits: Limits
    wake_workers: Callable[[], object]
    leases: Leases
    clock: Callable[[], datetime] = utc_now
    readers: Readers = field(default_factory=Readers)
    on_damage: Callable[[str], object] = lambda _what: None  # called whenever stored bytes are found damaged
    wake_removal: Callable[[], object] = lambda: None

    def quota(self, tx: Transaction, user: User) -> Quota:
        """Return how many versions the user has and how many they may have."""
        return Quota(tx.versions.counted(user.id), self.limits.quota)


def owned(tx: Transaction, user: User, version_id: str, *, lock: bool = False) -> Version:
    """Return the user's version with this id, deleted or not. Raises `NotFound`, also if another user owns it.

    Enforces private-to-owner. With `lock`, no other transaction can change the version until this one ends.
    """
    version = tx.versions.get(version_id, lock=lock)
    if version is None or version.owner_id != user.id:
        raise NotFound.id("version", version_id)
    return version
