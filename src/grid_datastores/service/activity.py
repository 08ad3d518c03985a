"""Activity: an unfinished version does not expire while its bytes arrive, or while they are worked on."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grid_datastores.catalog.versions import REFRESHES
from grid_datastores.domain.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from grid_datastores.service.context import Context
    from grid_datastores.storage import Writer


class Activity:
    """The activity of one version, written at most four times per expiry period (rule upload-resumed)."""

    def __init__(self, context: Context, version_id: str) -> None:
        self._context = context
        self._version_id = version_id
        with context.catalog.read() as tx:
            self._between = tx.versions.expiry(version_id) / REFRESHES
            self._written = tx.versions.active_at(version_id)

    def note(self) -> None:
        """Bytes have arrived. Cheap enough for every chunk."""
        if abs(self._context.clock() - self._written) >= self._between:  # also when the clock was set back
            self._write()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Keep the version active until the context ends: its stored bytes are read, which can take long."""
        ended = threading.Event()

        def refresh() -> None:
            while not ended.wait(self._between.total_seconds()):
                self._write()

        self.note()
        thread = threading.Thread(target=refresh, name="activity", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _write(self) -> None:
        """Best effort: where the catalog cannot be written now, the next refresh may get through."""
        now = self._context.clock()
        with suppress(Refusal), self._context.catalog.write() as tx:
            tx.versions.mark_active(self._version_id, now)
        self._written = now


@dataclass(frozen=True, slots=True)
class Watched:
    """An object that is being written; `arrived` is called after each chunk."""

    target: Writer
    arrived: Callable[[], object]

    def write(self, data: bytes, /) -> object:
        """See `Writer`."""
        written = self.target.write(data)
        self.arrived()
        return written
