"""Downloads a URL into a file, with checked addresses, few redirects, and limits on size and time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

import httpx

from grid_datastores.domain.errors import SourceFailed
from grid_datastores.domain.naming import shown_location
from grid_datastores.sources.abort import abort_on
from grid_datastores.sources.addresses import CheckedTransport, Resolve, look_up
from grid_datastores.sources.limits import FetchLimits, binary_size
from grid_datastores.storage.space import NO_SPACE_TO_FETCH, raising_no_space

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MAX_REDIRECTS = 5
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "grid-datastores"}


def download(
    url: str, target: BinaryIO, limits: FetchLimits, allowed_hosts: Collection[str], resolve: Resolve = look_up
) -> int:
    """Download an http(s) URL into `target` and return its size in bytes. Raises `SourceFailed` and `NoSpace`."""
    shown = shown_location(url)
    check = _deadline_check(shown, limits)
    transport = CheckedTransport(allowed_hosts, resolve)
    try:
        with (
            abort_on(check) as trace,
            httpx.Client(
                transport=transport, headers=_HEADERS, timeout=limits.stall_seconds, trust_env=False
            ) as client,
        ):
            for _ in range(MAX_REDIRECTS + 1):
                with client.stream("GET", url, extensions={"trace": trace}) as response:
                    if response.next_request is None:
                        _check_answer(response, shown, limits)
                        return _save(response, target, shown, limits, check)
                    url = _checked_redirect(url, str(response.next_request.url), shown)
    except httpx.TimeoutException as error:
        raise SourceFailed(f"{shown} sent nothing for {limits.stall_seconds:g} seconds.") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceFailed(f"{shown} cannot be fetched: {_why(error)}.") from error
    raise SourceFailed(f"{shown} redirects more than {MAX_REDIRECTS} times.")


def _deadline_check(shown: str, limits: FetchLimits) -> Callable[[], None]:
    """Return a function that raises if the download is cancelled or has taken too long, counted from now."""
    deadline = time.monotonic() + limits.download_seconds

    def check() -> None:
        limits.check_cancelled()
        if time.monotonic() > deadline:
            raise SourceFailed(f"{shown} was not downloaded within {limits.download_seconds:g} seconds.")

    return check


def _checked_redirect(url: str, to: str, shown: str) -> str:
    old, new = urlsplit(url), urlsplit(to)
    if new.scheme not in ("http", "https") or "@" in new.netloc:
        raise SourceFailed(f"{shown} redirects to an address that is not plain http or https.")
    if old.scheme == "https" and new.scheme == "http":
        raise SourceFailed(f"{shown} redirects from https to http, where the data is not protected from changes.")
    return to


def _check_answer(response: httpx.Response, shown: str, limits: FetchLimits) -> None:
    if response.status_code != 200:
        raise SourceFailed(f"{shown} answered {response.status_code} {response.reason_phrase}".rstrip() + ".")
    announced = response.headers.get("Content-Length", "0")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > limits.download_bytes:
        raise _too_large(shown, limits)


def _save(
    response: httpx.Response, target: BinaryIO, shown: str, limits: FetchLimits, check: Callable[[], None]
) -> int:
    size = 0
    for chunk in response.iter_raw():
        check()
        limits.on_progress(len(chunk))
        size += len(chunk)
        if size > limits.download_bytes:
            raise _too_large(shown, limits)
        with raising_no_space(NO_SPACE_TO_FETCH):
            target.write(chunk)
    with raising_no_space(NO_SPACE_TO_FETCH):
        target.flush()
    return size


def _too_large(shown: str, limits: FetchLimits) -> SourceFailed:
    return SourceFailed(f"{shown} is larger than the allowed {binary_size(limits.download_bytes)}.")


def _why(error: Exception) -> str:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not valid"
    if isinstance(error, httpx.ConnectError):
        return "the host does not accept the connection"
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return "the connection was closed, or the answer is not HTTP"
    return text or type(error).__name__
