"""Routes for listing, reading and deleting versions. An id is never used for another version."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from grid_datastores.domain.errors import AlreadyDeleted, Immutable, InUse, InvalidInput, NotFound
from grid_datastores.domain.model import Phase, User, Version, VersionRef
from grid_datastores.domain.naming import MAX_NUMBER
from grid_datastores.server.answers import REFUSED, refused
from grid_datastores.server.bodies import BodyRoute
from grid_datastores.server.state import CLUSTER, InCluster, State, TheState, TheUser
from grid_datastores.wire import datastores as wire

router = APIRouter(
    route_class=BodyRoute,
    prefix="/v1/core/{clusterId}/datastores",
    tags=["datastores"],
    dependencies=[InCluster],
    responses=REFUSED,
)
deletions = APIRouter(route_class=BodyRoute, tags=["datastores"], dependencies=[InCluster], responses=REFUSED)


@deletions.get("/v1/core/{clusterId}/deletions")
def list_deletions(
    state: TheState, user: TheUser, id: Annotated[list[str], Query(min_length=1, max_length=wire.MAX_IDS)]
) -> wire.DeletedResponse:
    """Return which of these versions are deleted or not yours, so that a machine can erase its copies of them."""
    return {"deleted": state.service.copies.deleted(user, id)}


@router.get("")
def list_datastores(
    state: TheState,
    user: TheUser,
    available: bool = False,
    name: str = "",
    version: Annotated[int, Query(ge=0, le=MAX_NUMBER)] = 0,
    includeDeleted: bool = False,
) -> wire.ListDatastoresResponse:
    """List the user's versions, sorted by name and number. name and version filter the list.

    `available` leaves out all that are not available. `includeDeleted` adds the deleted ones.
    """
    found = [
        item
        for item in _candidates(state, user, name, version, with_deleted=includeDeleted)
        if name in ("", item.ref.name)
        and version in (0, item.ref.number)
        and (item.phase is Phase.AVAILABLE or not available)
    ]
    return {"datastores": [wire.version_out(item, CLUSTER) for item in found], "nextPageToken": ""}


def _candidates(state: State, user: User, name: str, version: int, *, with_deleted: bool) -> list[Version]:
    """Return the versions to filter. If the request names one version, read only that one."""
    if not (name and version and with_deleted):
        return state.service.reading.versions(user, with_deleted=with_deleted)
    try:
        return [state.service.reading.find(user, VersionRef(name, version))]
    except NotFound:
        return []


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
