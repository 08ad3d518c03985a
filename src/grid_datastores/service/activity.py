"""Keep an unfinished version from expiring while its bytes arrive or are processed (rule upload-resumed)."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grid_datastores.catalog.versions import MAX_REFRESHES
from grid_datastores.domain.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from grid_datastores.service.context import Context
    from grid_datastores.storage import Writer


class Activity:
    """Records the activity of one version, at most four times per expiry period (rule upload-resumed)."""

    def __init__(self, context: Context, version_id: str) -> None:
        self._context = context
        self._version_id = version_id
        with context.catalog.read() as tx:
            self._interval = tx.versions.expiry(version_id).total_seconds() / MAX_REFRESHES
            inactive = context.leases.now(tx) - tx.versions.active_at(version_id)
        self._written = context.leases.running() - inactive.total_seconds()

    def record(self) -> None:
        """Record that bytes have arrived. Cheap enough to call for every chunk."""
        if abs(self._context.leases.running() - self._written) >= self._interval:  # abs: see `mark_active`
            self._write()

    @contextmanager
    def keep_alive(self) -> Iterator[None]:
        """Keep the version active until the context ends, because reading its stored bytes can take long."""
        ended = threading.Event()

        def refresh() -> None:
            while not ended.wait(self._interval):
                self._write()

        self.record()
        thread = threading.Thread(target=refresh, name="activity", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _write(self) -> None:
        """Best effort: if the catalog cannot be written now, the next refresh may succeed."""
        running = self._context.leases.running()
        with suppress(Refusal), self._context.catalog.write() as tx:
            tx.versions.mark_active(self._version_id, self._context.leases.now(tx))
        self._written = running


@dataclass(frozen=True, slots=True)
class NotifyingWriter:
    """A writer that calls `on_write` after each chunk."""

    target: Writer
    on_write: Callable[[], object]

    def write(self, data: bytes, /) -> object:
        """Write the data and notify. See `Writer`."""
        written = self.target.write(data)
        self.on_write()
        return written
