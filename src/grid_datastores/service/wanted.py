"""Whether what is fetched for a version is still wanted: asked all the time while data comes in."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import Refusal
from grid_datastores.domain.model import Phase

if TYPE_CHECKING:
    import threading

    from grid_datastores.domain.model import Version
    from grid_datastores.service.context import Context

_BETWEEN = 0.5  # seconds between two looks into the catalog


class GivenUp(Exception):
    """Nobody wants the rest, or not from this process: it says nothing against the source."""


class Wanted:
    """Ends the fetch of one version when it is deleted or has failed, or when the process stops."""

    def __init__(self, context: Context, version: Version, stopping: threading.Event) -> None:
        self._context = context
        self._version = version
        self._stopping = stopping
        self._next_look = 0.0

    def check(self) -> None:
        """Raises `GivenUp`. Cheap enough for every chunk."""
        if self._stopping.is_set():
            raise GivenUp
        if time.monotonic() >= self._next_look:
            self._look()
            self._next_look = time.monotonic() + _BETWEEN

    def _look(self) -> None:
        with suppress(Refusal):  # a catalog that cannot be read now says nothing of the version
            with self._context.catalog.read() as tx:
                current = tx.versions.get(self._version.id)
            if current is None or current.phase is not Phase.OPTIMIZING:
                raise GivenUp
