"""Routes for creating a version: create it, announce objects, send their parts, complete it."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from grid_datastores.domain.errors import AlreadyDeleted, Immutable, InvalidInput, NotSignedIn, QuotaReached, TooLarge
from grid_datastores.domain.model import Source, SourceKind, Upload
from grid_datastores.domain.naming import whole_number
from grid_datastores.domain.rules import check_part_size
from grid_datastores.server.answers import BYTES, REFUSED, refused
from grid_datastores.server.bodies import ObjectsRoute
from grid_datastores.server.origin import origin
from grid_datastores.server.state import CLUSTER, InCluster, Signer, State, TheState, TheUser
from grid_datastores.server.writers import run_in_writer_thread
from grid_datastores.service.uploads import CompletedObject
from grid_datastores.wire import datastores as wire
from grid_datastores.wire import uploads as objects_wire
from grid_datastores.wire.common import Empty

MAX_PART_URLS = 100_000
MAX_MANIFEST = 256 * 1024 * 1024  # bytes
_NO_SOURCE_TYPE = ("", "DATASTORE_SOURCE_TYPE_UNSPECIFIED")
_MANIFEST = {
    "required": True,
    "content": {"application/x-ndjson": {"schema": {"type": "string", "maxLength": MAX_MANIFEST, "title": "Body"}}},
}

_CLOSED = refused(AlreadyDeleted, Immutable)

router = APIRouter(
    route_class=ObjectsRoute,
    prefix="/v1/core/{clusterId}/datastores",
    tags=["uploads"],
    dependencies=[InCluster],
    responses=REFUSED,
)
parts = APIRouter(route_class=ObjectsRoute, tags=["uploads"], responses=REFUSED)


@router.post("", responses=refused(QuotaReached))
def create_datastore(state: TheState, user: TheUser, body: wire.CreateDatastoreRequest) -> wire.Datastore:
    """Create a version under the name, with the next number. It accepts data until it is completed."""
    spec = body.get("spec", {})
    kind = _requested_kind(spec.get("sourceType", ""))
    version = state.service.uploads.begin(user, body.get("name", ""), Source(kind, spec.get("source", "")))
    return wire.version_out(version, CLUSTER)


def _requested_kind(source_type: str) -> SourceKind:
    """Return the kind of source, which is files if the request names none. Raises `InvalidInput`."""
    kind = SourceKind.FILES if source_type in _NO_SOURCE_TYPE else wire.SOURCE_KINDS.get(source_type)
    if kind is None:
        known = ", ".join(wire.SOURCE_KINDS)
        raise InvalidInput(f"{source_type[:60]!r} is not a source type that this server supports. Use one of {known}.")
    return kind


@router.post("/{datastoreId}/presigned-urls", responses=_CLOSED)
def create_presigned_urls(
    state: TheState,
    user: TheUser,
    request: Request,
    datastoreId: str,
    body: objects_wire.UploadObjects,
) -> objects_wire.UploadObjects:
    """Return a URL for each part of each object, in the order of the objects.

    You can announce an object again. Its parts that have already arrived have an ETag; do not send them again.
    """
    objects = body.get("objects", [])
    if not objects:
        raise InvalidInput(f"Announce 1 to {objects_wire.MAX_OBJECTS} objects per request.")
    parts_of = {item.get("key", ""): whole_number(item.get("partCount", "1"), "partCount") for item in objects}
    if len(parts_of) != len(objects):
        raise InvalidInput("Announce each key only once per request.")
    if sum(parts_of.values()) > MAX_PART_URLS:
        raise InvalidInput(f"Announce at most {MAX_PART_URLS} parts per request.")
    uploads = state.service.uploads.announce(user, datastoreId, parts_of)
    base, signer = origin(request), state.signer(user.id)
    arrived = state.service.uploads.stored_parts(datastoreId, uploads)
    return {"objects": [_object_out(signer, base, upload, arrived) for upload in uploads]}


@router.post("/{datastoreId}/presigned-urls/completed", responses=_CLOSED)
def complete_presigned_urls(
    state: TheState,
    user: TheUser,
    datastoreId: str,
    body: objects_wire.CompletedObjects,
) -> Empty:
    """Complete these objects. Their parts must have arrived with these ETags."""
    objects = body.get("objects", [])
    if sum(len(item.get("urls", [])) for item in objects) > MAX_PART_URLS:
        raise InvalidInput(f"Complete at most {MAX_PART_URLS} parts per request.")
    completed = [
        CompletedObject(
            item.get("key", ""),
            item.get("uploadId", ""),
            {
                whole_number(part.get("partNumber", ""), "partNumber"): part.get("etag", "")
                for part in item.get("urls", [])
            },
        )
        for item in objects
    ]
    state.service.uploads.complete_objects(user, datastoreId, completed)
    return {}


@router.put("/{id}/manifest", responses=_CLOSED, openapi_extra={"requestBody": _MANIFEST})
async def put_manifest(state: TheState, user: TheUser, request: Request, id: str) -> Empty:
    """Store the manifest: which uploaded object holds each file. It is checked against the bytes before it is used."""
    activity = await run_in_threadpool(state.service.uploads.activity, user, id)
    body = bytearray()  # not a parameter, so that the body is only read after the user is known
    async for chunk in request.stream():
        body += chunk
        await run_in_threadpool(activity.record)
        if len(body) > MAX_MANIFEST:
            raise TooLarge.than(MAX_MANIFEST)
    await run_in_writer_thread(state.service.uploads.announce_manifest, user, id, bytes(body))
    return {}


@router.post("/{datastoreId}/completed", responses=_CLOSED)
def complete_upload(state: TheState, user: TheUser, datastoreId: str) -> Empty:
    """Complete the version. It accepts no more data and becomes available after a check."""
    state.service.uploads.complete(user, datastoreId)
    return {}


@router.delete("/{datastoreId}/upload")
def abandon_upload(state: TheState, user: TheUser, datastoreId: str) -> Empty:
    """Abandon an unfinished version and erase its data. A finished version does not change."""
    state.service.uploads.abandon(user, datastoreId)
    return {}


@parts.put(
    "/v1/uploads/{uploadId}/{partNumber}",
    response_class=Response,
    responses={200: {"headers": {"ETag": {"schema": {"type": "string"}}}}, **_CLOSED, **refused(NotSignedIn)},
    openapi_extra={"requestBody": {"required": True, "content": BYTES}},
)
async def put_part(
    state: TheState,
    request: Request,
    uploadId: str,
    partNumber: int,
    expires: str,
    signature: str,
) -> Response:
    """Store one part, sent to its URL. Return its ETag."""
    owner = await run_in_threadpool(state.service.uploads.owner_of, uploadId)
    await run_in_threadpool(state.check, owner, request.url.path, {}, expires, signature)
    etag = await _receive(state, request, uploadId, partNumber)
    return Response(headers={"ETag": f'"{etag}"'})


async def _receive(state: State, request: Request, upload_id: str, number: int) -> str:
    announced = request.headers.get("Content-Length")
    length = None if announced is None else int(announced)
    check_part_size(length or 0)
    part, size = state.service.uploads.part(upload_id, number, length), 0
    target = await run_in_writer_thread(part.__enter__)
    try:
        async for chunk in request.stream():
            size += len(chunk)
            check_part_size(size)
            await run_in_threadpool(target.write, chunk)
        await run_in_writer_thread(part.__exit__, None, None, None)
    except BaseException as error:
        await run_in_threadpool(part.__exit__, type(error), error, error.__traceback__)
        raise
    return target.etag


def _object_out(
    signer: Signer, base: str, upload: Upload, arrived: Mapping[tuple[str, int], str]
) -> objects_wire.UploadObject:
    return {
        "key": upload.key,
        "uploadId": upload.id,
        "expiryTime": str(int(upload.expires_at.timestamp())),
        "partCount": str(upload.parts),
        "urls": [
            _part_out(signer, base, upload, number, arrived.get((upload.id, number)))
            for number in range(1, upload.parts + 1)
        ],
    }


def _part_out(signer: Signer, base: str, upload: Upload, number: int, etag: str | None) -> objects_wire.UploadUrl:
    url = base + signer.sign(f"/v1/uploads/{upload.id}/{number}", {}, upload.expires_at)
    part: objects_wire.UploadUrl = {"partNumber": str(number), "url": url}
    if etag is not None:
        part["etag"] = f'"{etag}"'
    return part
