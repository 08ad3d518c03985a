"""Routes for listing, reading and deleting versions. An id is never used for another version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from grid_datastores.domain.errors import AlreadyDeleted, Immutable, InUse, InvalidInput
from grid_datastores.domain.lists import Chosen
from grid_datastores.domain.model import Version
from grid_datastores.domain.naming import MAX_NUMBER, whole_number
from grid_datastores.server.answers import REFUSED, refused
from grid_datastores.server.bodies import BodyRoute
from grid_datastores.server.state import CLUSTER, InCluster, TheState, TheUser
from grid_datastores.service.listing import MAX_PER_PAGE
from grid_datastores.wire import datastores as wire

router = APIRouter(
    route_class=BodyRoute,
    prefix="/v1/core/{clusterId}/datastores",
    tags=["datastores"],
    dependencies=[InCluster],
    responses=REFUSED,
)
deletions = APIRouter(route_class=BodyRoute, tags=["datastores"], dependencies=[InCluster], responses=REFUSED)

_OPENING = '{"datastores":['  # a long list is written as text: FastAPI would check each of its values first


@deletions.get("/v1/core/{clusterId}/deletions")
def list_deletions(
    state: TheState, user: TheUser, id: Annotated[list[str], Query(min_length=1, max_length=wire.MAX_IDS)]
) -> wire.DeletedResponse:
    """Return which of these versions are deleted or not yours, so that a machine can erase its copies of them."""
    return {"deleted": state.service.copies.deleted(user, id)}


@router.get("", response_model=wire.ListDatastoresResponse)
def list_datastores(
    state: TheState,
    user: TheUser,
    available: bool = False,
    name: str = "",
    version: Annotated[int, Query(ge=0, le=MAX_NUMBER)] = 0,
    includeDeleted: bool = False,
    pageToken: str = "",
    pageSize: str = "",
    limit: str = "",
) -> Response:
    """List the user's versions, sorted by name and number. name and version filter the list.

    `available` leaves out all that are not available. `includeDeleted` adds the deleted ones. `pageSize` or `limit` is
    the maximum number of versions in a page. Without a size and a `pageToken`, the answer is the whole list.
    """
    chosen = Chosen(name, version, available=available, deleted=includeDeleted)
    size = (whole_number(pageSize or limit, "pageSize") if pageSize or limit else 0) or MAX_PER_PAGE
    page = state.service.listing.page(user, chosen, after=pageToken, size=size)
    if page.more and not (pageToken or pageSize or limit):  # the last client that Grid published asks for one page
        return StreamingResponse(_whole_list(state.service.listing.all(user, chosen)), media_type="application/json")
    token = page.versions[-1].id if page.more else ""
    return Response(f"{_OPENING}{_items(page.versions)}{_closing(token)}", media_type="application/json")


def _whole_list(versions: Iterator[Version]) -> Iterator[str]:
    """Yield the JSON of the whole list, page by page."""
    yield _OPENING
    separator = ""
    while page := list(islice(versions, MAX_PER_PAGE)):
        yield separator + _items(page)
        separator = ","
    yield _closing("")


def _items(versions: Iterable[Version]) -> str:
    return json.dumps([wire.version_out(version, CLUSTER) for version in versions])[1:-1]


def _closing(token: str) -> str:
    return f'],"nextPageToken":{json.dumps(token)}}}'


@router.delete("", status_code=InvalidInput.status)
def delete_without_version(_user: TheUser) -> None:
    """Always refuse: there is no "latest" version and no "all". Enforces delete-needs-both."""
    raise InvalidInput('Give the id of the version to delete. There is no "latest" or "all". Nothing was deleted.')


@router.get("/{id}", responses=refused(AlreadyDeleted))
def get_datastore(state: TheState, user: TheUser, id: str) -> wire.Datastore:
    """Return one version that is not deleted."""
    return wire.version_out(state.service.reading.get(user, id), CLUSTER)


@router.put("/{id}", status_code=Immutable.status, responses=refused(Immutable, AlreadyDeleted))
def update_datastore(state: TheState, user: TheUser, id: str) -> None:
    """Always refuse: a version never changes (rule version-immutable)."""
    version = state.service.reading.get(user, id)
    raise Immutable.of(version.ref, version.phase)


@router.delete("/{id}", responses=refused(InUse, AlreadyDeleted))
def delete_datastore(state: TheState, user: TheUser, id: str) -> wire.DeleteDatastoreResponse:
    """Delete exactly this version, permanently. Refused while a Session or Run uses it."""
    return {"receipt": wire.receipt_out(state.service.deletion.delete(user, id))}


@router.get("/{id}/deletion", responses=refused(AlreadyDeleted))
def get_deletion_verdict(state: TheState, user: TheUser, id: str) -> wire.VerdictResponse:
    """Return what deleting the version would answer now. This has its own path, so that a typo in it never deletes."""
    return wire.verdict_out(state.service.deletion.verdict(user, id))


@router.get("/{id}/details")
def get_details(state: TheState, user: TheUser, id: str) -> wire.DetailsResponse:
    """Return the details of a version, deleted or not, with its holders and history."""
    return wire.details_out(state.service.reading.details(user, id), CLUSTER)


@router.get("/{id}/events")
def list_events(state: TheState, user: TheUser, id: str) -> wire.ListEventsResponse:
    """Return the version's history, oldest event first."""
    details = state.service.reading.details(user, id)
    return {"events": [wire.event_out(event) for event in details.history]}
