"""Keep an unfinished version from expiring while its bytes arrive or are processed (rule upload-resumed)."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grid_datastores.catalog.versions import MAX_REFRESHES
from grid_datastores.domain.errors import Busy, Refusal

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
        """Record that bytes have arrived. Cheap enough to call for every chunk: it waits for no other change."""
        if self._is_due():
            self._write(at_once=True)

    @contextmanager
    def keep_alive(self) -> Iterator[None]:
        """Keep the version active until the context ends, because reading its stored bytes can take long."""
        ended = threading.Event()

        def refresh() -> None:
            while not ended.wait(self._interval):
                self._write()

        if self._is_due():
            self._write()
        thread = threading.Thread(target=refresh, name="activity", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _is_due(self) -> bool:
        return abs(self._context.leases.running() - self._written) >= self._interval  # abs: see `mark_active`

    def _write(self, *, at_once: bool = False) -> None:
        """Best effort: if the catalog cannot be written now, the next refresh may succeed.

        With `at_once`, it does not wait for other changes. If there is one, the next chunk is a new attempt.
        """
        running = self._context.leases.running()
        try:
            with self._context.catalog.write(at_once=at_once) as tx:
                tx.versions.mark_active(self._version_id, self._context.leases.now(tx))
        except Busy:
            if at_once:
                return
        except Refusal:
            pass
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
