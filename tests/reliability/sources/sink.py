"""Packing straight into storage, as the service does."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO

from grid_datastores.storage import LocalStorage


@dataclass(frozen=True)
class StorageSink:
    """The objects of version "v1"."""

    storage: LocalStorage

    def object(self, name: str, size: int | None) -> AbstractContextManager[BinaryIO]:
        """A new object of this name."""
        return self.storage.new_object("v1", name)
