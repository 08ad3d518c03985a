"""HTTP requests to a server. Every failure becomes a refusal with one message."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import httpx

from grid_datastores.domain.errors import (
    NotUnderstood,
    OutcomeUnknown,
    Refusal,
    Unreachable,
    refusal_of_reason,
)
from grid_datastores.gateway.repeating import MAX_TIME, send_patiently
from grid_datastores.gateway.transport import Transport, is_untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grid_datastores.wire.common import Error

TIMEOUT = httpx.Timeout(60.0, connect=10.0)  # seconds
_CHANGING = {"POST", "PUT", "DELETE"}
_CHECK_COMMANDS = {"/sessions": "grid session", "/runs": "grid status"}  # by a part of the path
_PIECE = 256 * 1024  # bytes
_SENDING = "http11.send_request"  # the prefix of the trace events that httpcore emits when it sends a request


class _Trace:
    """A trace callback for httpx that records whether the request was sent. The CONNECT of a proxy does not count."""

    def __init__(self) -> None:
        self.sent = False

    def reset(self) -> None:
        """Forget what was sent, because the server has not begun it."""
        self.sent = False

    def __call__(self, event: str, info: Mapping[str, object]) -> None:
        if event.startswith(_SENDING) and event.endswith(".started"):
            self.sent = self.sent or getattr(info["request"], "method", b"") != b"CONNECT"


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The body of a request, in pieces: httpcore copies the rest of each piece whenever it has sent some of it."""

    data: bytes | bytearray

    def __iter__(self) -> Iterator[bytes]:
        with memoryview(self.data) as view:
            for start in range(0, len(view), _PIECE):
                yield bytes(view[start : start + _PIECE])


class Connection:
    """A connection to one server. The credentials are sent to no other server."""

    def __init__(self, url: str, credentials: tuple[str, str] | None, timeout: float | None = None) -> None:
        """Open the connection. With a `timeout` in seconds, requests are not retried."""
        self.url = url
        self._max_repeating = MAX_TIME if timeout is None else 0.0
        limit, retries = (TIMEOUT, 1) if timeout is None else (httpx.Timeout(timeout), 0)
        transport = Transport(retries)
        self._http = httpx.Client(base_url=url, auth=credentials, timeout=limit, transport=transport)
        # Presigned addresses need no credentials, and can be on another host that must not see them.
        self._http_without_credentials = httpx.Client(timeout=TIMEOUT, transport=transport)

    def call(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        query: Mapping[str, str | Sequence[str]] | None = None,
    ) -> object:
        """Send a request and return the JSON of the response. Raises the refusal that the server sent."""
        doubt = _doubt(method, path)
        with self._failures(doubt) as trace:
            request = self._http.build_request(
                method, path, json=json, content=content, params=query, extensions={"trace": trace}
            )
            answer = self._send(request, trace)
            _check(answer, self.url, doubt)
            with raising_not_understood(self.url, doubt):
                return answer.json() if answer.content else {}

    def read(self, path: str) -> bytes:
        """Return the bytes of the response."""
        with self._failures() as trace:
            answer = self._send(self._http.build_request("GET", path), trace)
        _check(answer, self.url)
        return answer.content

    def stream(self, path: str) -> Iterator[bytes]:
        """Yield the bytes of the response as they arrive. Raises `Unreachable` if it ends before its length."""
        with self._failures() as trace:
            answer = self._send(self._http.build_request("GET", path), trace, stream=True)
            with closing(answer):
                if not answer.is_success:
                    answer.read()
                _check(answer, self.url)
                try:
                    yield from answer.iter_bytes()
                except (httpx.RemoteProtocolError, httpx.ReadError) as error:
                    raise Unreachable(
                        f"The server at {self.url} stopped answering before the data was complete. Try again. If this"
                        " repeats, ask its operator: if the data is damaged, the server's log says so."
                    ) from error

    def put_part(self, address: str, data: bytes | bytearray) -> str:
        """Send one part to its presigned address and return its ETag. Several threads can do this at once."""
        http = self._http_without_credentials
        length = {"Content-Length": str(len(data))}
        with self._failures() as trace:
            answer = self._send(
                http.build_request("PUT", address, content=_Pieces(data), headers=length), trace, http=http
            )
        _check(answer, self.url)
        return str(answer.headers.get("etag", ""))

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
        self._http_without_credentials.close()

    def _send(
        self, request: httpx.Request, trace: _Trace, *, stream: bool = False, http: httpx.Client | None = None
    ) -> httpx.Response:
        """Send the request, again if the server is busy, and return the response."""
        client = http or self._http
        return send_patiently(lambda: client.send(request, stream=stream), self._max_repeating, trace.reset)

    @contextmanager
    def _failures(self, doubt: str = "") -> Iterator[_Trace]:
        trace = _Trace()
        try:
            yield trace
        except KeyboardInterrupt as error:
            if not doubt or not trace.sent:
                raise
            raise OutcomeUnknown(f"Interrupted.{doubt}") from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if is_untrusted(error):
                requested = error.request.url
                raise Unreachable(
                    f"The certificate of {requested.scheme}://{requested.netloc.decode()} is not trusted."
                    " Nothing was done. If you trust its authority, set SSL_CERT_FILE to the authority's certificate."
                ) from error
            raise Unreachable(
                f"No server answers at {self.url}. Nothing was done."
                " If the server should run on this machine, start it with: grid serve"
            ) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise Unreachable(f"{self.url} is not the address of a server: {error}.") from error
        except httpx.TransportError as error:
            raise Unreachable(f"The server at {self.url} stopped answering.", doubt=doubt) from error


def _doubt(method: str, path: str) -> str:
    """Return the end of the message for a change whose response is lost, or "" for a request that changes nothing."""
    if method not in _CHANGING or path.startswith("/v1/auth/"):
        return ""
    check = next((command for part, command in _CHECK_COMMANDS.items() if part in path), "grid datastore")
    return f" It is unknown whether the change was made. Check with: {check}"


@contextmanager
def raising_not_understood(url: str, doubt: str = "") -> Iterator[None]:
    """Raise `NotUnderstood` if the block cannot parse the response, because any server may have sent it."""
    try:
        yield
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise NotUnderstood.of(url, doubt) from error


def _https_address(answer: httpx.Response) -> str:
    """Return the HTTPS address to which the server redirects on the same host, else "".

    Redirects to other hosts are ignored, because the key must not be sent there.
    """
    target = answer.next_request.url if answer.next_request else httpx.URL()
    upgraded = (answer.url.scheme, target.scheme) == ("http", "https") and target.host == answer.url.host
    return f"https://{target.netloc.decode('ascii')}" if upgraded else ""


def _check(answer: httpx.Response, url: str, doubt: str = "") -> None:
    """Raise the refusal that an unsuccessful response describes, or one with its status if it describes none."""
    if answer.is_success:
        return
    try:
        body = cast("Error", answer.json())
        detail = body["details"][0] if body.get("details") else {}
        message = detail.get("message") or body["message"]
        if not isinstance(message, str):
            raise TypeError
        refusal = refusal_of_reason(detail.get("reason", ""), message)
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError):
        text = f"The server at {url} answered {answer.status_code} {answer.reason_phrase}."
        if answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:  # the server itself would describe the refusal
            text += " A proxy in front of it limits the size of requests. Its operator must allow 50 MiB."
        if address := _https_address(answer):
            text += f" Use the address {address} instead."
        transient = answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS
        refusal = Unreachable(text, doubt=doubt) if transient else Refusal(text, {"status": str(answer.status_code)})
    raise refusal
