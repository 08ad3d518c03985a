"""Answers for machines with copies of versions: the id of the catalog, and the copies that they must erase."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from grid_datastores.catalog.facts import PLACE, SIGNING_KEY

if TYPE_CHECKING:
    from collections.abc import Collection

    from grid_datastores.catalog import Transaction
    from grid_datastores.domain.model import User
    from grid_datastores.service.context import Context


class Copies:
    """The use cases of machines that hold copies of versions or unfinished uploads."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def place_id(self) -> str:
        """Return the catalog's own id. It does not depend on the server's address or the folder."""
        with self._context.catalog.read() as tx:
            known = tx.facts.get(PLACE)
        if known:
            return known
        with self._context.catalog.write() as tx:
            return tx.facts.get_or_put(PLACE, uuid4().hex)

    def deleted(self, user: User, version_ids: Collection[str]) -> list[str]:
        """Return, sorted, the ids of the versions that are deleted or not the user's (rule delete-removes-bytes)."""
        with self._context.catalog.read() as tx:
            return sorted(set(version_ids) - tx.versions.undeleted(user.id, version_ids))

    def may_exist(self, version_id: str) -> bool:
        """Return whether another machine may hold a copy of the version; see `may_have_copies`."""
        with self._context.catalog.read() as tx:
            return may_have_copies(tx, version_id)


def may_have_copies(tx: Transaction, version_id: str) -> bool:
    """Return whether another machine may hold a copy.

    That needs a Run that mounted the version, and a server: without one, the catalog has no signing key.
    """
    return tx.workloads.has_run(version_id) and tx.facts.get(SIGNING_KEY) is not None
