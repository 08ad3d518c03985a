"""Routes for the files of a version and their content."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from grid_datastores.domain.errors import AlreadyDeleted, NotReadable, NotSignedIn
from grid_datastores.domain.naming import whole_number
from grid_datastores.server.answers import BYTES, REFUSED, refused
from grid_datastores.server.origin import origin
from grid_datastores.server.state import InCluster, TheState, TheUser
from grid_datastores.wire import datastores as wire

URL_LIFETIME = timedelta(minutes=15)
DEFAULT_PAGE_SIZE = 1000

_LINES = {"application/x-ndjson": {"schema": {"type": "string"}}}

_UNREADABLE = refused(AlreadyDeleted, NotReadable)

router = APIRouter(tags=["contents"], responses=REFUSED)


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
    size = _whole(pageSize, DEFAULT_PAGE_SIZE, "pageSize") or DEFAULT_PAGE_SIZE
    reading = state.service.reading
    version, files = reading.get(user, id), reading.manifest(user, id).files
    expires = state.service.now() + URL_LIFETIME
    base, signer = origin(request), state.signer(user.id)
    page = files[start : start + size]
    return {
        "files": [
            wire.file_out(
                file,
                version,
                base + signer.sign(f"/v1/downloads/{id}", {"path": file.path, "user": user.id}, expires),
            )
            for file in page
        ],
        "nextPageToken": str(start + size) if start + size < len(files) else "",
    }


@router.get(
    "/v1/downloads/{id}",
    response_class=Response,
    responses={200: {"content": BYTES}, **_UNREADABLE, **refused(NotSignedIn)},
)
def get_content(
    state: TheState, request: Request, id: str, path: str, user: str, expires: str, signature: str
) -> Response:
    """Return the content of one file, from its URL in the list of files.

    Deleting the version invalidates the URL, and so does a new key of its user.
    """
    state.check(user, request.url.path, {"path": path, "user": user}, expires, signature)
    file, chunks = state.service.reading.file(state.service.accounts.get(user), id, path)
    headers = {"Content-Length": str(file.size), "Content-Disposition": "attachment"}
    return StreamingResponse(chunks, media_type="application/octet-stream", headers=headers)


@router.get(
    "/v1/core/{clusterId}/datastores/{id}/manifest",
    dependencies=[InCluster],
    response_class=Response,
    responses={200: {"content": _LINES}, **_UNREADABLE},
)
def get_manifest(state: TheState, user: TheUser, id: str) -> Response:
    """Return the manifest as JSON lines: which object holds each file, and at which offset."""
    return StreamingResponse(state.service.reading.manifest_chunks(user, id), media_type="application/x-ndjson")


@router.get(
    "/v1/core/{clusterId}/datastores/{id}/objects/{name}",
    dependencies=[InCluster],
    response_class=Response,
    responses={200: {"content": BYTES}, **_UNREADABLE},
)
def get_object(state: TheState, user: TheUser, id: str, name: str) -> Response:
    """Return the content of one object in the manifest."""
    size, chunks = state.service.reading.object(user, id, name)
    return StreamingResponse(chunks, media_type="application/octet-stream", headers={"Content-Length": str(size)})


def _whole(text: str, default: int, field: str) -> int:
    return whole_number(text, field) if text else default
