"""Cancels the fetch of a version that is deleted, fails, gives way, or outlives the process that fetches it."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import Refusal
from grid_datastores.domain.model import Phase

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from grid_datastores.domain.model import Version
    from grid_datastores.service.context import Context

_POLL_INTERVAL = 0.5  # seconds between two reads of the catalog


class Cancelled(Exception):
    """This process must stop working on the version. The source is not at fault."""


class CancellationToken:
    """Cancels the fetch of one version when the version is deleted or has failed, or when the process stops.

    It also cancels the fetch when `gives_way` says that another one needs its place.
    """

    def __init__(
        self,
        context: Context,
        version: Version,
        stopping: threading.Event,
        gives_way: Callable[[Version], bool],
    ) -> None:
        self._context = context
        self._version = version
        self._stopping = stopping
        self._gives_way = gives_way
        self._next_poll = 0.0

    def check(self) -> None:
        """Raise `Cancelled` if the fetch must stop. Cheap enough to call for every chunk."""
        if self._stopping.is_set():
            raise Cancelled
        if time.monotonic() >= self._next_poll:
            self._poll()
            self._next_poll = time.monotonic() + _POLL_INTERVAL

    def _poll(self) -> None:
        with suppress(Refusal):  # an unreadable catalog does not cancel anything: the next poll may succeed
            with self._context.catalog.read() as tx:
                current = tx.versions.get(self._version.id)
            if current is None or current.phase is not Phase.FETCHING or self._gives_way(self._version):
                raise Cancelled
