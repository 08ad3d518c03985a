"""Sending objects: part by part, to the addresses that the server gives."""

from __future__ import annotations

from contextlib import contextmanager
from hashlib import md5
from typing import TYPE_CHECKING, cast

from grid_datastores.gateway.connection import understood

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from grid_datastores.gateway.connection import Connection
    from grid_datastores.wire.uploads import UploadObjects

PART = 50 * 1024 * 1024  # bytes, as in Grid's own client


class HttpSink:
    """The objects of one version on a server, at this path of the API; `skipped` hears of bytes that were there."""

    def __init__(self, connection: Connection, path: str, skipped: Callable[[int], object]) -> None:
        self._connection = connection
        self._path = path
        self._skipped = skipped

    @contextmanager
    def object(self, name: str, size: int | None) -> Iterator[_Object]:
        """An object that is sent part by part while it is written, when its size is known, else at its end."""
        target = _Object(self._connection, self._path, name, self._skipped)
        if size is not None:
            target.announce(size)
        yield target
        target.finish()


class _Object:
    def __init__(self, connection: Connection, path: str, name: str, skipped: Callable[[int], object]) -> None:
        self._connection = connection
        self._path = path
        self._name = name
        self._skipped = skipped
        self._waiting = bytearray()
        self._upload_id: str | None = None
        self._urls: dict[str, str] = {}
        self._there: dict[str, str] = {}
        self._etags: list[str] = []

    def announce(self, size: int) -> None:
        """Ask for the addresses of its parts; an empty object has one part."""
        wanted = {"key": self._name, "partCount": str(max(1, -(-size // PART)))}
        answer = self._connection.call("POST", f"{self._path}/presigned-urls", json={"objects": [wanted]})
        with understood(self._connection.url):
            announced = cast("UploadObjects", answer)["objects"][0]
            self._upload_id = announced["uploadId"]
            self._urls = {url["partNumber"]: url["url"] for url in announced["urls"]}
            self._there = {url["partNumber"]: url["etag"] for url in announced["urls"] if "etag" in url}

    def write(self, data: bytes) -> None:
        """More of it."""
        self._waiting += data
        if self._upload_id is not None:
            self._send_full_parts()

    def finish(self) -> None:
        """Send what is left, and say that it is all there."""
        if self._upload_id is None:
            self.announce(len(self._waiting))
        self._send_full_parts()
        if self._waiting or not self._etags:
            self._send(bytes(self._waiting))
        completed = {
            "key": self._name,
            "uploadId": self._upload_id,
            "urls": [{"partNumber": str(number), "etag": etag} for number, etag in enumerate(self._etags, 1)],
        }
        path = f"{self._path}/presigned-urls/completed"
        self._connection.call("POST", path, json={"objects": [completed]})

    def _send_full_parts(self) -> None:
        while len(self._waiting) > PART:
            part, self._waiting = bytes(self._waiting[:PART]), self._waiting[PART:]
            self._send(part)

    def _send(self, part: bytes) -> None:
        number = str(len(self._etags) + 1)
        with understood(self._connection.url):
            address = self._urls[number]
        etag = self._there.get(number)
        if etag is not None and etag == f'"{md5(part, usedforsecurity=False).hexdigest()}"':
            self._skipped(len(part))
        else:
            etag = self._connection.put_part(address, part)
        self._etags.append(etag)
