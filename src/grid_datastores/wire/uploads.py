"""The wire format of uploads: objects, their parts, and the URLs for the parts."""

from __future__ import annotations

from typing import Annotated, NotRequired

from typing_extensions import TypedDict

from grid_datastores.domain.rules import MAX_PARTS
from grid_datastores.wire.common import AtMost

MAX_OBJECTS = 3000  # per request


class UploadUrl(TypedDict):
    """Where to PUT one part. `etag` is set if the part has arrived already; it is the answer of the earlier PUT."""

    partNumber: str
    url: str
    etag: NotRequired[str]


class UploadObject(TypedDict, total=False):
    """An object to upload. The client sets `key` and `partCount`, the server the other fields."""

    key: str
    partCount: str
    uploadId: str
    expiryTime: str
    urls: Annotated[list[UploadUrl], AtMost(MAX_PARTS)]


class UploadObjects(TypedDict, total=False):
    """Objects to upload."""

    objects: Annotated[list[UploadObject], AtMost(MAX_OBJECTS)]


class CompletedPart(TypedDict, total=False):
    """A part that was sent, with the ETag that its PUT returned."""

    partNumber: str
    etag: str


class CompletedObject(TypedDict, total=False):
    """An object whose parts were all sent."""

    key: str
    uploadId: str
    urls: Annotated[list[CompletedPart], AtMost(MAX_PARTS)]


class CompletedObjects(TypedDict, total=False):
    """Objects whose parts were all sent."""

    objects: Annotated[list[CompletedObject], AtMost(MAX_OBJECTS)]
