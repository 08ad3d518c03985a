"""Upload objects to a server, in parts, to presigned addresses."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from contextlib import contextmanager
from hashlib import md5
from threading import Lock, Thread
from typing import TYPE_CHECKING, cast

from grid_datastores.domain.errors import NotSignedIn, Refusal
from grid_datastores.gateway.connection import raising_not_understood

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from grid_datastores.gateway.connection import Connection
    from grid_datastores.wire.uploads import UploadObjects

PART_SIZE = 50 * 1024 * 1024  # bytes, the same as in Grid's own client
PARTS_AT_ONCE = 3
_REFUSED = ("401", "403")  # the statuses with which other servers refuse an address that is no longer valid


class HttpSink:
    """Uploads the objects of one version. See `ObjectSink`."""

    def __init__(self, connection: Connection, path: str, on_skipped: Callable[[int], object]) -> None:
        """Upload to the version at this path of the API.

        Calls `on_skipped` with the size of each part that the server already has.
        """
        self._connection = connection
        self._path = path
        self._on_skipped = on_skipped

    @contextmanager
    def object(self, name: str, size: int | None) -> Iterator[_Object]:
        """Open a new object for writing. If its size is unknown, it is sent when the context ends."""
        target = _Object(self._connection, self._path, name, self._on_skipped)
        if size is not None:
            target.announce(size)
        yield target
        target.finish()


class _Object:
    def __init__(self, connection: Connection, path: str, name: str, on_skipped: Callable[[int], object]) -> None:
        self._connection = connection
        self._path = path
        self._name = name
        self._on_skipped = on_skipped
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._parts = 1
        self._urls: dict[str, str] = {}
        self._stored: dict[str, str] = {}
        self._etags: list[str] = []
        self._sending: deque[_Sending] = deque()
        self._renewing = Lock()

    def announce(self, size: int) -> None:
        """Request the addresses of the parts. An empty object has one part."""
        self._parts = max(1, -(-size // PART_SIZE))
        self._request_addresses()

    def _request_addresses(self) -> None:
        request = {"key": self._name, "partCount": str(self._parts)}
        answer = self._connection.call("POST", f"{self._path}/presigned-urls", json={"objects": [request]})
        with raising_not_understood(self._connection.url):
            announced = cast("UploadObjects", answer)["objects"][0]
            self._upload_id = announced["uploadId"]
            self._urls = {url["partNumber"]: url["url"] for url in announced["urls"]}
            self._stored = {url["partNumber"]: url["etag"] for url in announced["urls"] if "etag" in url}

    def write(self, data: bytes) -> None:
        """Add data to the object, and send the parts that are full."""
        self._buffer += data
        if self._upload_id is not None:
            self._send_full_parts()

    def finish(self) -> None:
        """Send the last part and complete the object."""
        if self._upload_id is None:
            self.announce(len(self._buffer))
        self._send_full_parts()
        if self._buffer or not self._number_of_parts:
            self._send(self._buffer)
        while self._sending:
            self._take_etag()
        completed = {
            "key": self._name,
            "uploadId": self._upload_id,
            "urls": [{"partNumber": str(number), "etag": etag} for number, etag in enumerate(self._etags, 1)],
        }
        path = f"{self._path}/presigned-urls/completed"
        self._connection.call("POST", path, json={"objects": [completed]})

    def _send_full_parts(self) -> None:
        while len(self._buffer) > PART_SIZE:
            part, rest = self._buffer, self._buffer[PART_SIZE:]
            del part[PART_SIZE:]
            self._buffer = rest
            self._send(part)

    @property
    def _number_of_parts(self) -> int:
        return len(self._etags) + len(self._sending)

    def _send(self, part: bytearray) -> None:
        """Send a part while the next one is read. At most `PARTS_AT_ONCE` are in memory besides."""
        if len(self._sending) == PARTS_AT_ONCE:
            self._take_etag()
        number = str(self._number_of_parts + 1)
        self._sending.append(_Sending(lambda: self._etag_of(number, part)))

    def _take_etag(self) -> None:
        """Wait for the oldest part that is being sent. Raises what its sending raised."""
        self._etags.append(self._sending.popleft().result())

    def _etag_of(self, number: str, part: bytearray) -> str:
        etag = self._stored.get(number)
        if etag is not None and etag == f'"{md5(part, usedforsecurity=False).hexdigest()}"':
            self._on_skipped(len(part))
        else:
            etag = self._put(number, part)
        part.clear()  # the request still refers to it, until its garbage is collected
        return etag

    def _put(self, number: str, part: bytearray) -> str:
        """Send a part and return its ETag. If its address is no longer valid, request new addresses, once."""
        address = self._address(number)
        try:
            return self._connection.put_part(address, part)
        except Refusal as error:
            if not isinstance(error, NotSignedIn) and error.metadata.get("status") not in _REFUSED:
                raise
        with self._renewing:
            if self._address(number) == address:  # no other part has requested them
                self._request_addresses()
        return self._connection.put_part(self._address(number), part)

    def _address(self, number: str) -> str:
        with raising_not_understood(self._connection.url):
            return self._urls[number]


class _Sending:
    """A call in a thread of its own, which does not keep an interrupted process from ending."""

    def __init__(self, call: Callable[[], str]) -> None:
        self._result: Future[str] = Future()
        Thread(target=self._run, args=(call,), name="sending", daemon=True).start()

    def _run(self, call: Callable[[], str]) -> None:
        try:
            self._result.set_result(call())
        except BaseException as error:  # raised by `result`
            self._result.set_exception(error)

    def result(self) -> str:
        """Wait, and return what the call returned. Raises what it raised."""
        return self._result.result()
