"""Making a version: create, announce objects, send parts, complete."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import md5

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from grid_datastores.domain.errors import InvalidInput, TooLarge
from grid_datastores.domain.model import Source, SourceKind, Upload
from grid_datastores.domain.naming import whole_number
from grid_datastores.domain.rules import check_part_size
from grid_datastores.server.origin import origin
from grid_datastores.server.state import CLUSTER, InCluster, State, TheState, TheUser
from grid_datastores.service.uploads import CompletedObject
from grid_datastores.wire import datastores as wire
from grid_datastores.wire import uploads as objects_wire
from grid_datastores.wire.common import Empty

MOST_OBJECTS = 3000
MOST_ADDRESSES = 100_000
MOST_MANIFEST = 256 * 1024 * 1024  # bytes
_MANIFEST = {
    "required": True,
    "content": {"application/x-ndjson": {"schema": {"type": "string", "maxLength": MOST_MANIFEST, "title": "Body"}}},
}

router = APIRouter(prefix="/v1/core/{clusterId}/datastores", tags=["uploads"], dependencies=[InCluster])
parts = APIRouter(tags=["uploads"])


@router.post("")
def create_datastore(state: TheState, user: TheUser, body: wire.CreateDatastoreRequest) -> wire.Datastore:
    """A new version under the name, with the next number; it takes data until it is completed."""
    spec = body.get("spec", {})
    kind = wire.SOURCE_KINDS.get(spec.get("sourceType", ""), SourceKind.FILES)
    version = state.service.uploads.begin(user, body.get("name", ""), Source(kind, spec.get("source", "")))
    return wire.version_out(version, CLUSTER)


@router.post("/{datastoreId}/presigned-urls")
def create_presigned_urls(
    state: TheState,
    user: TheUser,
    request: Request,
    datastoreId: str,
    body: objects_wire.UploadObjects,
) -> objects_wire.UploadObjects:
    """An address for each part of each object, in the order of the objects.

    An object that is announced again is the same upload; the parts of it that have arrived need not be sent again.
    """
    objects = body.get("objects", [])
    if not 1 <= len(objects) <= MOST_OBJECTS:
        raise InvalidInput(f"Announce 1 to {MOST_OBJECTS} objects a request.")
    parts_of = {item.get("key", ""): whole_number(item.get("partCount", "1"), "partCount") for item in objects}
    if len(parts_of) != len(objects):
        raise InvalidInput("The same key is announced twice.")
    if sum(parts_of.values()) > MOST_ADDRESSES:
        raise InvalidInput(f"Announce at most {MOST_ADDRESSES} parts a request.")
    uploads = state.service.uploads.announce(user, datastoreId, parts_of)
    base = origin(request)
    arrived = state.service.uploads.arrived(datastoreId, uploads)
    return {"objects": [_object_out(state, base, upload, arrived) for upload in uploads]}


@router.post("/{datastoreId}/presigned-urls/completed")
def complete_presigned_urls(
    state: TheState,
    user: TheUser,
    datastoreId: str,
    body: objects_wire.CompletedObjects,
) -> Empty:
    """The parts of these objects have arrived, with these ETags."""
    completed = [
        CompletedObject(
            item.get("key", ""),
            item.get("uploadId", ""),
            {
                whole_number(part.get("partNumber", ""), "partNumber"): part.get("etag", "")
                for part in item.get("urls", [])
            },
        )
        for item in body.get("objects", [])
    ]
    state.service.uploads.complete_objects(user, datastoreId, completed)
    return {}


@router.put("/{datastoreId}/manifest", openapi_extra={"requestBody": _MANIFEST})
async def put_manifest(state: TheState, user: TheUser, request: Request, datastoreId: str) -> Empty:
    """Where each file lies in the objects that are uploaded; checked against the bytes before it counts."""
    activity = await run_in_threadpool(state.service.uploads.activity, user, datastoreId)
    body = bytearray()  # read here, when it is known who sends it
    async for chunk in request.stream():
        body += chunk
        await run_in_threadpool(activity.note)
        if len(body) > MOST_MANIFEST:
            raise TooLarge.than(MOST_MANIFEST)
    await run_in_threadpool(state.service.uploads.announce_manifest, user, datastoreId, bytes(body))
    return {}


@router.post("/{datastoreId}/completed")
def complete_upload(state: TheState, user: TheUser, datastoreId: str) -> Empty:
    """Everything has arrived: the version takes no more data, and becomes available when it is checked."""
    state.service.uploads.complete(user, datastoreId)
    return {}


@router.delete("/{datastoreId}/upload")
def drop_upload(state: TheState, user: TheUser, datastoreId: str) -> Empty:
    """Forget an upload that is not finished, and leave nothing of it; a finished version stays as it is."""
    state.service.uploads.drop(user, datastoreId)
    return {}


@parts.put("/v1/uploads/{uploadId}/{partNumber}")
async def put_part(
    state: TheState,
    request: Request,
    uploadId: str,
    partNumber: int,
    expires: str,
    signature: str,
) -> Response:
    """One part, to the address that was given for it; answers its ETag."""
    state.check(request.url.path, {}, expires, signature)
    etag = await _receive(state, request, uploadId, partNumber)
    return Response(headers={"ETag": f'"{etag}"'})


async def _receive(state: State, request: Request, upload_id: str, number: int) -> str:
    check_part_size(int(request.headers.get("Content-Length", "0")))
    digest, size = md5(usedforsecurity=False), 0
    part = state.service.uploads.part(upload_id, number)
    target = await run_in_threadpool(part.__enter__)
    try:
        async for chunk in request.stream():
            size += len(chunk)
            check_part_size(size)
            digest.update(chunk)
            await run_in_threadpool(target.write, chunk)
    except BaseException as error:
        await run_in_threadpool(part.__exit__, type(error), error, error.__traceback__)
        raise
    await run_in_threadpool(part.__exit__, None, None, None)
    return digest.hexdigest()


def _object_out(
    state: State, base: str, upload: Upload, arrived: Mapping[tuple[str, int], str]
) -> objects_wire.UploadObject:
    return {
        "key": upload.key,
        "uploadId": upload.id,
        "expiryTime": str(int(upload.expires_at.timestamp())),
        "partCount": str(upload.parts),
        "urls": [
            _part_out(state, base, upload, number, arrived.get((upload.id, number)))
            for number in range(1, upload.parts + 1)
        ],
    }


def _part_out(state: State, base: str, upload: Upload, number: int, etag: str | None) -> objects_wire.UploadUrl:
    url = base + state.sign(f"/v1/uploads/{upload.id}/{number}", {}, upload.expires_at)
    part: objects_wire.UploadUrl = {"partNumber": str(number), "url": url}
    if etag is not None:
        part["etag"] = f'"{etag}"'
    return part
