"""The transfers of versions in this process, which end when their version is deleted."""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Readers:
    """Knows how to end each transfer. All methods can be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: defaultdict[str, list[Callable[[], object]]] = defaultdict(list)

    @contextmanager
    def reading(self, version_id: str, end: Callable[[], object]) -> Iterator[None]:
        """Register a transfer of the version until the context ends. To end it, `end` is called."""
        with self._lock:
            self._ends[version_id].append(end)
        try:
            yield
        finally:
            with self._lock:
                self._ends[version_id].remove(end)
                if not self._ends[version_id]:
                    del self._ends[version_id]

    def version_ids(self) -> list[str]:
        """Return the ids of the versions that are being read."""
        with self._lock:
            return list(self._ends)

    def end(self, version_id: str) -> None:
        """End all transfers of the version, without waiting for them."""
        with self._lock:
            ends = list(self._ends.get(version_id, ()))
        for end in ends:
            end()
