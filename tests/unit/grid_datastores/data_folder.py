"""A folder of data without a server, and what the tests of its catalog and log do with it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from grid_datastores.domain.errors import CatalogFailed
from grid_datastores.domain.model import Source, SourceKind, User
from grid_datastores.service import Service, open_service
from grid_datastores.settings import Limits, Settings

FILES = Source(SourceKind.FILES, "/data")


@dataclass
class Folder:
    """A folder of data whose catalog can be saved and put back."""

    home: Path

    @property
    def settings(self) -> Settings:
        return Settings(self.home, self.data / "catalog.sqlite", Limits())

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.data / "log"

    def open(self) -> Service:
        return open_service(self.settings, lambda: None)

    def save(self) -> Path:
        copy = self.home / "copy.sqlite"
        with closing(sqlite3.connect(self.settings.catalog)) as catalog, closing(sqlite3.connect(copy)) as target:
            catalog.backup(target)
        return copy

    def put_back(self, copy: Path) -> None:
        for path in self.data.glob("catalog.sqlite*"):
            path.unlink()
        shutil.copy(copy, self.settings.catalog)

    def refused(self) -> str:
        before = {path: path.read_bytes() for path in self.data.rglob("*") if path.is_file()}
        with pytest.raises(CatalogFailed) as refusal:
            self.open()
        assert {path: path.read_bytes() for path in self.data.rglob("*") if path.is_file()} == before
        return refusal.value.message


class OneFile:
    """A file of two bytes."""

    path, size, executable, modified = "a", 2, False, None

    def chunks(self) -> Iterator[bytes]:
        yield b"hi"


def create(service: Service, user: User, name: str = "birds") -> str:
    """Create a version and return its id."""
    return service.uploads.create(user, name, FILES, [OneFile()]).id
