"""Routes for the files of a version and their content."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from grid_datastores.domain.errors import AlreadyDeleted, NotReadable, NotSignedIn
from grid_datastores.domain.naming import whole_number
from grid_datastores.server.answers import BYTES, REFUSED, refused
from grid_datastores.server.bodies import BodyRoute
from grid_datastores.server.origin import origin
from grid_datastores.server.state import InCluster, TheState, TheUser
from grid_datastores.server.transfers import Transfer, not_modified, repr_digest, send_file
from grid_datastores.wire import datastores as wire
from grid_datastores.wire.common import Error

URL_LIFETIME = timedelta(minutes=15)
MAX_PER_PAGE = 1000

_LINES = {"application/x-ndjson": {"schema": {"type": "string"}}}
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"content": BYTES, "description": "The content. `Repr-Digest` has its SHA-256, and `ETag` identifies it."},
    206: {"content": BYTES, "description": "The part of the content that `Range` requests."},
    304: {"description": "The client has the content already: `If-None-Match` has its `ETag`."},
    412: {"model": Error, "description": "The content does not have an `ETag` of `If-Match`."},
    416: {"model": Error, "description": "The content does not have the part that `Range` requests."},
}
_UNMODIFIED = {"description": "The client has the manifest already: `If-None-Match` has its `ETag`."}


def _parameters(*names: str) -> dict[str, Any]:
    """Return what OpenAPI says of these headers of a request."""
    return {"parameters": [{"name": name, "in": "header", "schema": {"type": "string"}} for name in names]}


_UNREADABLE = refused(AlreadyDeleted, NotReadable)

router = APIRouter(route_class=BodyRoute, tags=["contents"], responses=REFUSED)


@router.get("/v1/core/datastores/{id}/files", responses=_UNREADABLE)
def list_files(
    state: TheState,
    user: TheUser,
    request: Request,
    id: str,
    pageToken: str = "",
    pageSize: str = "",
) -> wire.ListFilesResponse:
    """List the files of a version, sorted by path, one page at a time. Each has a URL of its content."""
    start = _whole(pageToken, 0, "pageToken")
    size = min(_whole(pageSize, MAX_PER_PAGE, "pageSize") or MAX_PER_PAGE, MAX_PER_PAGE)
    reading = state.service.reading
    version = reading.get(user, id)
    files, more = reading.page_of_files(user, id, start, size)
    expires = state.service.now() + URL_LIFETIME
    base, signer = origin(request), state.signer(user.id)
    return {
        "files": [
            wire.file_out(
                file,
                version,
                base + signer.sign(f"/v1/downloads/{id}", {"path": file.path, "user": user.id}, expires),
            )
            for file in files
        ],
        "nextPageToken": str(start + size) if more else "",
    }


@router.get(
    "/v1/downloads/{id}",
    response_class=Response,
    responses={**_CONTENT, **_UNREADABLE, **refused(NotSignedIn)},
    openapi_extra=_parameters("Range", "If-Range", "If-Match", "If-None-Match"),
)
def get_content(
    state: TheState, request: Request, id: str, path: str, user: str, expires: str, signature: str
) -> Response:
    """Return the content of one file, or a part of it, from its URL in the list of files.

    Deleting the version invalidates the URL and ends the answer. So does a new key of its user, for new requests.
    """
    state.check(user, request.url.path, {"path": path, "user": user}, expires, signature)
    owner = state.service.accounts.get(user)
    headers = {"Content-Disposition": "attachment"}
    return send_file(request, state.service, owner, id, path, "application/octet-stream", headers)


@router.get(
    "/v1/core/{clusterId}/datastores/{id}/manifest",
    dependencies=[InCluster],
    response_class=Response,
    responses={200: {"content": _LINES}, 304: _UNMODIFIED, **_UNREADABLE},
    openapi_extra=_parameters("If-None-Match"),
)
def get_manifest(state: TheState, user: TheUser, request: Request, id: str) -> Response:
    """Return the manifest as JSON lines: which object holds each file, and at which offset."""
    manifest = state.service.reading.encoded_manifest(user, id)
    headers = {"ETag": f'"{manifest.sha256}"', "Repr-Digest": repr_digest(manifest.sha256)}
    if not_modified(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    headers["Content-Length"] = str(manifest.size)
    return Transfer(state.service, id, manifest.chunks, "application/x-ndjson", headers)


@router.get(
    "/v1/core/{clusterId}/datastores/{id}/objects/{name}",
    dependencies=[InCluster],
    response_class=Response,
    responses={200: {"content": BYTES}, **_UNREADABLE},
)
def get_object(state: TheState, user: TheUser, id: str, name: str) -> Response:
    """Return the content of one object in the manifest."""
    size, chunks = state.service.reading.object(user, id, name)
    return Transfer(state.service, id, chunks, "application/octet-stream", {"Content-Length": str(size)})


def _whole(text: str, default: int, field: str) -> int:
    return whole_number(text, field) if text else default
