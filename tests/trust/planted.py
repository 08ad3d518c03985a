"""A defect for each attack, which it has to notice: `make trust ATTACKS=kills BUDGET=20 PLANTED=1` has to fail."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from defects.registry import Change, put


def _from(id_: str) -> Callable[[], Iterable[Change]]:
    """A defect of the catalogue of the rules."""

    def changes() -> Iterable[Change]:
        from defects.catalogue import CATALOGUE

        return next(defect for defect in CATALOGUE if defect.id == id_).changes()

    return changes


def _breaks(*_given: Any, **_named: Any) -> Any:
    raise ZeroDivisionError("planted")


def _uncompared(_file: Any, chunks: Iterable[memoryview]) -> None:
    """Write a file without a look at its SHA-256."""
    deque(chunks, maxlen=0)


PLANTED: dict[str, Callable[[], Iterable[Change]]] = {
    "kills": _from("bytes-left"),
    "operations": _from("holders-ignored"),
    "operations-http": _from("paused-releases"),
    "contract": lambda: [put("grid_datastores.service.reading:Reading.quota", _breaks)],
    "access": _from("everybody-sees-all"),
    "sources": lambda: [put("grid_datastores.sources.addresses:is_public", lambda _address: True)],
    "disks": _from("bytes-left"),
    "clocks": lambda: [put("grid_datastores.service.leases:Leases.now", lambda *_given: datetime.now(UTC))],
    "flips": lambda: [
        put("grid_datastores.machine.restore:_compare", _uncompared),
        put("grid_datastores.service.integrity:verified", lambda chunks, *_given: chunks),
        put("grid_datastores.service.integrity:verified_files", lambda chunks, *_given: chunks),
    ],
    "slow": lambda: [
        put("grid_datastores.server.connections:MAX_CONNECTIONS", 20),
        put("grid_datastores.server.connections:TimedProtocol.waiting_since", lambda _connection: None),
    ],
}


def plant(attack: str) -> None:
    """Put the defect of this attack into this process."""
    for change in list(PLANTED[attack]()):
        change.apply()
