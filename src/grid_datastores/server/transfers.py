"""Send the contents of a version, as a whole or in part (RFC 9110), until it is deleted."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import Response
from fastapi.responses import StreamingResponse

from grid_datastores.domain.errors import INVALID_ARGUMENT, InvalidInput, Refusal
from grid_datastores.domain.model import ETAG
from grid_datastores.server.answers import json_error
from grid_datastores.server.connections import abort_connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastapi import Request
    from starlette.types import Receive, Scope, Send

    from grid_datastores.domain.model import FileEntry, User
    from grid_datastores.service import Service

_ONE_RANGE = re.compile(r"bytes=(\d{0,20})-(\d{0,20})", re.IGNORECASE | re.ASCII)
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')


class Transfer(StreamingResponse):
    """A response with contents of a version. When the version is deleted, its connection is closed at once."""

    def __init__(
        self,
        service: Service,
        version_id: str,
        content: Iterator[bytes],
        media_type: str,
        headers: Mapping[str, str],
        status: int = HTTPStatus.OK,
    ) -> None:
        super().__init__(content, status, headers, media_type)
        self._readers = service.context.readers
        self._version_id = version_id
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, then close the files that it reads."""
        loop = asyncio.get_running_loop()

        def end() -> None:
            with suppress(RuntimeError):  # the server has stopped
                loop.call_soon_threadsafe(abort_connection, scope)

        with self._readers.reading(self._version_id, end):
            try:
                await super().__call__(scope, receive, send)
            finally:
                if close := getattr(self._content, "close", None):
                    close()


def send_file(
    request: Request, service: Service, user: User, version_id: str, path: str, media_type: str, headers: dict[str, str]
) -> Response:
    """Return the answer to a request for one file of a version. Raises the same as `Reading.file`."""
    entry = service.reading.entry(user, version_id, path)
    tag = f'"{entry.sha256.removeprefix(ETAG)}"'
    headers = {**headers, **_describing(entry, tag)}
    if (refused := _precondition(request, tag, headers)) is not None:
        return refused
    wanted = _range(request, entry, tag)
    if wanted is None:
        entry, content = service.reading.file(user, version_id, path)
        return Transfer(service, version_id, content, media_type, {**headers, "Content-Length": str(entry.size)})
    if not wanted:
        answer = json_error(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            INVALID_ARGUMENT,
            f"The file has {entry.size:,} bytes, none of them in the requested range. Nothing was sent.",
            InvalidInput.reason,
            {},
        )
        answer.headers["Content-Range"] = f"bytes */{entry.size}"
        return answer
    headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{entry.size}"
    headers["Content-Length"] = str(len(wanted))
    content = service.reading.part(user, version_id, entry, wanted.start, len(wanted))
    return Transfer(service, version_id, content, media_type, headers, HTTPStatus.PARTIAL_CONTENT)


def repr_digest(sha256: str) -> str:
    """Return the value of the header `Repr-Digest` (RFC 9530)."""
    return f"sha-256=:{b64encode(bytes.fromhex(sha256)).decode()}:"


def not_modified(request: Request, tag: str) -> bool:
    """Return whether the client has the representation with this entity tag already (`If-None-Match`)."""
    known = request.headers.get("if-none-match", "").strip()
    return known == "*" or tag in {each.removeprefix("W/") for each in _ENTITY_TAG.findall(known)}


def _describing(entry: FileEntry, tag: str) -> dict[str, str]:
    """Return the headers that describe the whole file. Of an object in a bucket, only its entity tag is known."""
    if entry.sha256.startswith(ETAG):
        return {"ETag": tag} if _ENTITY_TAG.fullmatch(tag) else {}
    return {"ETag": tag, "Repr-Digest": repr_digest(entry.sha256), "Accept-Ranges": "bytes"}


def _precondition(request: Request, tag: str, headers: Mapping[str, str]) -> Response | None:
    """Return the answer if the request is for another representation, or for one that the client has."""
    wanted = request.headers.get("if-match", "*").strip()
    if wanted != "*" and tag not in _ENTITY_TAG.findall(wanted):
        message = "The file does not have the requested entity tag. Nothing was sent."
        return json_error(HTTPStatus.PRECONDITION_FAILED, Refusal.code, message, Refusal.reason, {})
    if not_modified(request, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=dict(headers))
    return None


def _range(request: Request, entry: FileEntry, tag: str) -> range | None:
    """Return the requested part of a stored file, which is empty if the file has no such part, or None for the whole.

    The whole is sent for several ranges, for a header that cannot be read, and if the client knows another file.
    """
    found = _ONE_RANGE.fullmatch(request.headers.get("range", "").strip())
    if not found or entry.sha256.startswith(ETAG) or request.headers.get("if-range", tag).strip() != tag:
        return None
    first, last = found.groups()
    if not first:
        if not last or (int(last) and not entry.size):
            return None
        return range(max(0, entry.size - int(last)), entry.size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last or entry.size) + 1, entry.size))
