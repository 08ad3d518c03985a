"""A catalog that was copied in parts while a server ran: a start notices it, and takes no sound one for it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from data_folder import FILES, Folder
from many_versions import filled

from grid_datastores.catalog import peek
from grid_datastores.catalog.mixed import lacks_pages
from grid_datastores.domain.errors import Damaged
from grid_datastores.service import Service


def _work(service: Service, count: int) -> None:
    for _ in range(count):
        service.uploads.abandon(ana := service.accounts.local("ana"), service.uploads.begin(ana, "birds", FILES).id)


def _copy(source: Path, target: Path, *ends: str) -> None:
    for end in ends:
        shutil.copy(f"{source}{end}", f"{target}{end}")


def test_a_catalog_copied_in_parts_is_noticed_at_the_start(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "grid")
    catalog = folder.settings.catalog
    with closing(folder.open()) as service:
        service.accounts.local("ana")
        ben, _key = service.accounts.add("ben")
        filled(service, ben, "first", 100)
        with closing(sqlite3.connect(catalog)) as connection:
            connection.execute("PRAGMA wal_checkpoint(RESTART)")
        _copy(catalog, tmp_path / "first", "")
        filled(service, ben, "second", 100)
        with closing(sqlite3.connect(catalog)) as connection:
            connection.execute("PRAGMA wal_checkpoint(RESTART)")
        _work(service, 1)
        _copy(catalog, tmp_path / "second", "-wal")
    (tmp_path / "first").replace(catalog)
    (tmp_path / "second-wal").replace(f"{catalog}-wal")
    with pytest.raises(Damaged, match=r"damaged: .*Restore it from a backup"):
        folder.open()


def test_a_catalog_whose_log_is_lost_lacks_pages_if_its_end_is_missing(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "grid")
    with closing(folder.open()) as service:
        _work(service, 20)
    catalog = folder.settings.catalog
    assert not lacks_pages(catalog)
    with catalog.open("r+b") as file:
        file.truncate(catalog.stat().st_size - 4096)
    assert lacks_pages(catalog)


def test_a_sound_catalog_is_not_read_in_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one in use, nor one that a killed process left, nor one with a torn log."""
    monkeypatch.setattr(peek, "corruption", lambda _catalog: "read")
    folder = Folder(tmp_path / "grid")
    catalog, copy = folder.settings.catalog, tmp_path / "copy"
    assert not lacks_pages(catalog)
    with closing(folder.open()) as service:
        for _ in range(12):
            _work(service, 3)
            folder.open().close()
            assert not lacks_pages(catalog)
            _copy(catalog, copy, "", "-wal")
            assert not lacks_pages(copy)
            log = Path(f"{copy}-wal")
            log.write_bytes(log.read_bytes()[:-100])
            assert not lacks_pages(copy)
    folder.open().close()
