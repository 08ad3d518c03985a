"""Repeat requests that a busy server has refused, if they can safely be repeated."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

MAX_TIME = 60.0  # seconds for which a request is repeated
_log = logging.getLogger(__name__)


def send_patiently(
    send: Callable[[], httpx.Response], max_time: float, before_repeating: Callable[[], object]
) -> httpx.Response:
    """Return the first response that is not a busy server's, or the last one after `max_time` seconds."""
    until, noted = time.monotonic() + max_time, False
    while True:
        answer = send()
        seconds = _seconds_to_wait(answer)
        if seconds is None or time.monotonic() + seconds > until:
            return answer
        if not noted:
            _log.info("The server is busy. Trying again for up to %.0f seconds.", max_time)
            noted = True
        answer.close()
        before_repeating()
        time.sleep(seconds)


def _seconds_to_wait(answer: httpx.Response) -> float | None:
    """Return after how many seconds the request can be repeated, or None if it must not be.

    A change is repeated only if the server says that it has not begun it. A proxy that answers 503 cannot know that, so
    only requests that read are repeated then.
    """
    after = answer.headers.get("retry-after", "")
    if answer.status_code != Busy.status or not (after.isascii() and after.isdigit() and len(after) <= 3):
        return None
    return float(after) if answer.request.method == "GET" or _reason(answer) == Busy.reason else None


def _reason(answer: httpx.Response) -> object:
    try:
        answer.read()
        return answer.json()["details"][0]["reason"]
    except (LookupError, ValueError, TypeError, RecursionError):
        return ""
