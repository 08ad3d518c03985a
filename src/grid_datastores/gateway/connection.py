"""Speaking to a server: one call, one answer, and every way in which that can fail in one sentence."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import httpx

from grid_datastores.domain.errors import NotUnderstood, OutcomeUnknown, Refusal, Unreachable, refusal_of_reason
from grid_datastores.gateway.transport import Transport, is_untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grid_datastores.wire.common import Error

TIMEOUT = httpx.Timeout(60.0, connect=10.0)  # seconds
_CHANGING = {"POST", "PUT", "DELETE"}
_LOOK = {"/sessions": "grid session", "/runs": "grid status"}  # by a part of the path; else grid datastore
_SENDING = "http11.send_request"  # how the transport's trace begins, once a request is on its way


class _Trace:
    """Whether anything of the request was sent; what asks a proxy for a tunnel is not of it."""

    def __init__(self) -> None:
        self.sent = False

    def __call__(self, event: str, info: Mapping[str, object]) -> None:
        if event.startswith(_SENDING) and event.endswith(".started"):
            self.sent = self.sent or getattr(info["request"], "method", b"") != b"CONNECT"


class Connection:
    """One server, with credentials that are sent to it and to nobody else."""

    def __init__(self, url: str, credentials: tuple[str, str] | None, patience: float | None = None) -> None:
        """`patience` is how many seconds the server has to answer; without it, as long as an answer can take."""
        self.url = url
        timeout, retries = (TIMEOUT, 1) if patience is None else (httpx.Timeout(patience), 0)
        transport = Transport(retries)
        self._http = httpx.Client(base_url=url, auth=credentials, timeout=timeout, transport=transport)
        # Addresses that the server hands out carry their own permission, and may be of another host.
        self._bare = httpx.Client(timeout=TIMEOUT, transport=transport)

    def call(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        query: Mapping[str, str | Sequence[str]] | None = None,
    ) -> object:
        """The JSON that the operation answers; raises the refusal that the server told."""
        doubt = _doubt(method, path)
        with self._failures(doubt) as trace:
            answer = self._http.request(
                method, path, json=json, content=content, params=query, extensions={"trace": trace}
            )
            _check(answer, self.url, doubt)
            with understood(self.url, doubt):
                return answer.json() if answer.content else {}

    def read(self, path: str) -> bytes:
        """The bytes that the operation answers."""
        with self._failures():
            answer = self._http.get(path)
        _check(answer, self.url)
        return answer.content

    def stream(self, path: str) -> Iterator[bytes]:
        """The bytes that the operation answers, as they come."""
        with self._failures(), self._http.stream("GET", path) as answer:
            if not answer.is_success:
                answer.read()
            _check(answer, self.url)
            yield from answer.iter_bytes()

    def put_part(self, address: str, data: bytes) -> str:
        """Send one part to the address that the server gave for it; answers its ETag."""
        with self._failures():
            answer = self._bare.put(address, content=data)
        _check(answer, self.url)
        return str(answer.headers.get("etag", ""))

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()
        self._bare.close()

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
                asked = error.request.url
                raise Unreachable(
                    f"The certificate of {asked.scheme}://{asked.netloc.decode()} is not trusted; nothing was done."
                    " If it should be, name the file of its authority with SSL_CERT_FILE."
                ) from error
            raise Unreachable(
                f"No server answers at {self.url}; nothing was done. Is it running? (grid serve)"
            ) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise Unreachable(f"{self.url} is not a server's address: {error}.") from error
        except httpx.TransportError as error:
            raise Unreachable(f"The server at {self.url} stopped answering.", doubt=doubt) from error


def _doubt(method: str, path: str) -> str:
    """What to say of a change whose answer is lost; nothing is changed by signing in."""
    if method not in _CHANGING or path.startswith("/v1/auth/"):
        return ""
    look = next((command for part, command in _LOOK.items() if part in path), "grid datastore")
    return f" It is not known whether it was done; look with: {look}"


@contextmanager
def understood(url: str, doubt: str = "") -> Iterator[None]:
    """What a server answers may be anything."""
    try:
        yield
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise NotUnderstood.of(url, doubt) from error


def _secure_address(answer: httpx.Response) -> str:
    """Where a proxy redirects to because it wants TLS; empty for any other answer, as a key goes to no other host."""
    to = answer.next_request.url if answer.next_request else httpx.URL()
    upgraded = (answer.url.scheme, to.scheme) == ("http", "https") and to.host == answer.url.host
    return f"https://{to.netloc.decode('ascii')}" if upgraded else ""


def _check(answer: httpx.Response, url: str, doubt: str = "") -> None:
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
        said = f"The server at {url} answered {answer.status_code} {answer.reason_phrase}."
        if answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:  # the server itself says more
            said += " A proxy before it limits the size of requests; its operator has to allow 50 MiB."
        if secure := _secure_address(answer):
            said += f" Its address is {secure}; use that one."
        passing = answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS
        refusal = Unreachable(said, doubt=doubt) if passing else Refusal(said, {"status": str(answer.status_code)})
    raise refusal
