"""Listing: a user's datastores, versions, Sessions and Runs, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grid_datastores.domain.errors import InvalidInput, NotFound
from grid_datastores.domain.lists import ListedVersion, Overview, VersionsPage, WholeList, Window, WorkloadsPage
from grid_datastores.domain.model import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grid_datastores.catalog import Transaction
    from grid_datastores.domain.lists import Chosen, Kept, Selection
    from grid_datastores.domain.model import User, Version, WorkloadKind
    from grid_datastores.service.context import Context

DATASTORES_PER_PAGE = 10
NEWEST_VERSIONS = 5  # of each datastore in the overview
VERSIONS_PER_PAGE = 50
WORKLOADS_PER_PAGE = 50
MAX_PER_PAGE = 1000  # versions in a page of the API's list
MAX_MOUNTABLE = 100  # versions that the form that starts a workload offers
MAX_KEPT = 50  # versions that a receipt lists


class Listing:
    """The use cases of listing. Pages count from 1."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def overview(self, user: User, text: str, page: int) -> Overview:
        """Return one page of the datastores whose name contains the text, sorted by name."""
        with self._context.catalog.read() as tx:
            window = _window(page, DATASTORES_PER_PAGE)
            found = tx.lists.datastores(user.id, text, window)
            shown = found[:DATASTORES_PER_PAGE]
            newest = tx.lists.newest(user.id, [datastore.name for datastore in shown], NEWEST_VERSIONS)
            listed: dict[str, list[ListedVersion]] = {}
            for version in self._with_holders(tx, user, newest):
                listed.setdefault(version.version.ref.name, []).append(version)
            return Overview(
                datastores=tuple((datastore, tuple(listed.get(datastore.name, ()))) for datastore in shown),
                more=len(found) > len(shown),
                failed=tx.lists.failed(user.id),
                quota=self._context.quota(tx, user),
            )

    def versions(self, user: User, selection: Selection, page: int) -> VersionsPage:
        """Return one page of the selected versions. Raises `NotFound` if the datastore never existed."""
        with self._context.catalog.read() as tx:
            datastore = tx.lists.datastore(user.id, selection.name) if selection.name else None
            if selection.name and not datastore:
                raise NotFound(f"There is no datastore {selection.name}.")
            found = tx.lists.versions(user.id, selection, _window(page, VERSIONS_PER_PAGE))
            listed = self._with_holders(tx, user, found[:VERSIONS_PER_PAGE])
            failed = datastore.failed if datastore else tx.lists.failed(user.id)
            return VersionsPage(tuple(listed), len(found) > len(listed), failed, datastore)

    def all(self, user: User, chosen: Chosen) -> Iterator[Version]:
        """Yield the chosen versions, sorted by name and number. Reads them page by page."""
        last = ""
        while True:
            page = self.page(user, chosen, after=last)
            yield from page.versions
            if not page.more:
                return
            last = page.versions[-1].id

    def page(self, user: User, chosen: Chosen, *, after: str = "", size: int = MAX_PER_PAGE) -> WholeList:
        """Return one page of such a list: at most `size` versions, after the one with the id `after`.

        Raises `InvalidInput` if the user never had a version of this id.
        """
        size = min(size, MAX_PER_PAGE)
        with self._context.catalog.read() as tx:
            last = tx.versions.get(after) if after else None
            if after and (last is None or last.owner_id != user.id):
                raise InvalidInput("The page token is not valid. Use the nextPageToken of an earlier page.")
            found = tx.lists.chosen(user.id, chosen, last, size + 1)
        return WholeList(tuple(found[:size]), len(found) > size)

    def mountable(self, user: User, chosen_id: str) -> tuple[list[Version], bool]:
        """Return the newest available versions and the chosen one, sorted by name, and whether there are more."""
        with self._context.catalog.read() as tx:
            found = tx.lists.available(user.id, MAX_MOUNTABLE + 1)
            chosen = tx.versions.get(chosen_id) if chosen_id else None
        offered = {version.id: version for version in found[:MAX_MOUNTABLE]}
        if chosen and chosen.owner_id == user.id and chosen.phase is Phase.AVAILABLE:
            offered[chosen.id] = chosen
        return sorted(offered.values(), key=lambda version: version.ref), len(found) > MAX_MOUNTABLE

    def workloads(self, user: User, kind: WorkloadKind, page: int) -> WorkloadsPage:
        """Return one page of the user's workloads of this kind: the live ones, then the others, each newest first."""
        with self._context.catalog.read() as tx:
            newest = tx.workloads.newest(user.id, kind, _window(page, WORKLOADS_PER_PAGE))
            found = self._context.leases.shown(tx, newest)
        return WorkloadsPage(tuple(found[:WORKLOADS_PER_PAGE]), len(found) > WORKLOADS_PER_PAGE)

    def page_of_workload(self, user: User, workload_id: str) -> tuple[WorkloadKind, int] | None:
        """Return in which list the user's workload with this id is, and on which page. Return None if in none."""
        with self._context.catalog.read() as tx:
            workload = tx.workloads.get(workload_id)
            if workload is None or workload.owner_id != user.id:
                return None
            return workload.kind, tx.workloads.before(workload) // WORKLOADS_PER_PAGE + 1

    def kept(self, version: Version) -> Kept:
        """Return the versions that stayed when this version was deleted, or would stay if it were deleted now."""
        with self._context.catalog.read() as tx:
            return tx.lists.kept(version, MAX_KEPT) if version.deleted_at else tx.lists.others(version, MAX_KEPT)

    def _with_holders(self, tx: Transaction, user: User, versions: Sequence[Version]) -> list[ListedVersion]:
        ids = [version.id for version in versions if version.phase is Phase.AVAILABLE]  # no other can be mounted
        holders = tx.workloads.holders_by_version(user.id, ids, self._context.leases.now(tx)) if ids else {}
        return [ListedVersion(version, holders.get(version.id, ())) for version in versions]


def _window(page: int, size: int) -> Window:
    """Return the page, and one more item, which shows whether another page follows."""
    return Window((page - 1) * size, size + 1)
