"""Uploads on the wire: objects, their parts, and where these go."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict


class UploadUrl(TypedDict):
    """Where one part goes, by PUT; `etag` only when it has arrived already, as an earlier PUT answered."""

    partNumber: str
    url: str
    etag: NotRequired[str]


class UploadObject(TypedDict, total=False):
    """An object to upload: the client tells `key` and `partCount`, the server the rest."""

    key: str
    partCount: str
    uploadId: str
    expiryTime: str
    urls: list[UploadUrl]


class UploadObjects(TypedDict, total=False):
    """Objects to upload, at most 3,000 a request."""

    objects: list[UploadObject]


class CompletedPart(TypedDict, total=False):
    """A part that was sent, and the ETag that its PUT answered."""

    partNumber: str
    etag: str


class CompletedObject(TypedDict, total=False):
    """An object all of whose parts were sent."""

    key: str
    uploadId: str
    urls: list[CompletedPart]


class CompletedObjects(TypedDict, total=False):
    """Objects all of whose parts were sent."""

    objects: list[CompletedObject]
