"""The pages that list datastores, the versions of one datastore, failed uploads and deleted versions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response

from grid_datastores.domain.lists import Selection, SortColumn, SortOrder, VersionList
from grid_datastores.server.origin import SameOrigin
from grid_datastores.server.ui.pages import datastore_path
from grid_datastores.server.ui.web_session import TheWebSession, WebSession
from grid_datastores.service.listing import VERSIONS_PER_PAGE

MAX_PAGE = 1_000_000
MAX_TEXT = 200  # characters of a filter

Page = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Text = Annotated[str, Query(max_length=MAX_TEXT)]

router = APIRouter(include_in_schema=False, dependencies=[SameOrigin])


@dataclass(frozen=True, slots=True)
class View:
    """What a page of a list shows: its path, the text that it is filtered by, the sorting, and the page's number."""

    path: str
    text: str
    page: int
    column: SortColumn = SortColumn.NUMBER
    order: SortOrder = SortOrder.DESCENDING

    @property
    def sorting(self) -> dict[str, str]:
        """The parameters of the sorting. There are none for the default."""
        default = self.column is SortColumn.NUMBER and self.order is SortOrder.DESCENDING
        return {} if default else {"sort": self.column, "order": self.order}

    @property
    def unfiltered(self) -> str:
        """The address of the list without the filter."""
        return replace(self, text="", page=1).address

    @property
    def address(self) -> str:
        """The address of this page."""
        text = {"q": self.text} if self.text else {}
        page = {"page": str(self.page)} if self.page > 1 else {}
        query = urlencode(text | self.sorting | page)
        return f"{self.path}?{query}" if query else self.path

    def at(self, page: int) -> str:
        """Return the address of another page of the list."""
        return replace(self, page=page).address

    def direction(self, column: SortColumn) -> str:
        """Return how the list is sorted by this column, in the words of `aria-sort`."""
        return self.order.name.lower() if column == self.column else "none"

    def by(self, column: SortColumn) -> str:
        """Return the address of the list sorted by this column, or in the other direction if it already is."""
        descending = column == self.column and self.order is SortOrder.DESCENDING
        order = SortOrder.ASCENDING if descending else SortOrder.DESCENDING
        return replace(self, column=SortColumn(column), order=order, page=1).address


@router.get("/")
def show_datastores(web_session: TheWebSession, q: Text = "", page: Page = 1) -> Response:
    """Show the datastores whose name contains `q`, each with its newest versions."""
    view = View("/", q.strip(), page)
    overview = web_session.state.service.listing.overview(web_session.user, view.text, page)
    return web_session.page("datastores.html", overview=overview, view=view)


@router.get("/datastores/{name}")
def show_datastore(
    web_session: TheWebSession,
    name: str,
    q: Text = "",
    sort: SortColumn = SortColumn.NUMBER,
    order: SortOrder = SortOrder.DESCENDING,
    page: Page = 1,
) -> Response:
    """Show the current versions of a datastore, newest first, or sorted by the column `sort`."""
    view = View(datastore_path(name), q.strip(), page, sort, order)
    return _versions(web_session, "datastore.html", VersionList.CURRENT, name, view)


@router.get("/failed-uploads")
@router.get("/datastores/{name}/failed-uploads")
def show_failed(web_session: TheWebSession, name: str = "", q: Text = "", page: Page = 1) -> Response:
    """Show the failed uploads of a datastore or of all, newest first."""
    view = View(f"{datastore_path(name)}/failed-uploads", q.strip(), page)
    return _versions(web_session, "failed.html", VersionList.FAILED, name, view)


@router.get("/deleted-versions")
@router.get("/datastores/{name}/deleted-versions")
def show_deleted(web_session: TheWebSession, name: str = "", q: Text = "", page: Page = 1) -> Response:
    """Show the deleted versions of a datastore or of all, last deleted first, each with its receipt."""
    view = View(f"{datastore_path(name)}/deleted-versions", q.strip(), page)
    return _versions(web_session, "deleted.html", VersionList.DELETED, name, view)


def _versions(web_session: WebSession, template: str, part: VersionList, name: str, view: View) -> Response:
    selection = Selection(part, name, view.text, view.column, view.order)
    listed = web_session.state.service.listing.versions(web_session.user, selection, view.page)
    return web_session.page(template, name=name, listed=listed, view=view, per_page=VERSIONS_PER_PAGE)
