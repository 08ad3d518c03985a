"""Files that hold secrets are for their owner only, whatever the umask, and also where they exist already."""

from __future__ import annotations

import os
import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest

from grid_datastores.service import open_service
from grid_datastores.settings import Limits, Settings
from grid_datastores.system.files import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _wide_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def _open_to_others(*folders: Path) -> list[str]:
    found = [*folders, *(path for folder in folders for path in folder.iterdir() if path.is_file())]
    return [path.name for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077]


@pytest.mark.proves("files-of-secrets-are-private")
def test_a_new_catalog_and_its_log_are_private_also_outside_the_data_folder(tmp_path: Path) -> None:
    catalogs = tmp_path / "catalogs"
    catalogs.mkdir(mode=0o700)
    service = open_service(Settings(tmp_path / "grid", catalogs / "catalog.sqlite", Limits()), lambda: None)
    service.accounts.ensure_signing_key()
    assert {path.name for path in catalogs.iterdir()} >= {"catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"}
    assert _open_to_others(catalogs) == ["catalog.sqlite.reserve"], "which holds no data"
    assert stat.S_IMODE((tmp_path / "grid/data").stat().st_mode) == 0o700
    service.close()


@pytest.mark.proves("files-of-secrets-are-private")
def test_an_existing_catalog_becomes_private_with_its_log_and_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = Settings(tmp_path, data / "catalog.sqlite", Limits())
    open_service(settings, lambda: None).close()
    with sqlite3.connect(settings.catalog) as killed:  # leaves a log behind, as a killed process does
        killed.execute("PRAGMA journal_mode=WAL")
        killed.execute("UPDATE settings SET value = value")
        for path in (data, *data.glob("catalog.sqlite*")):
            path.chmod(0o777)
        open_service(settings, lambda: None).close()
        names = [path.name for path in data.glob("catalog.sqlite-*")]
        assert sorted(names) == ["catalog.sqlite-shm", "catalog.sqlite-wal"]
        assert [name for name in _open_to_others(data) if "reserve" not in name] == []


def test_a_file_that_does_not_exist_is_left_alone(tmp_path: Path) -> None:
    make_private(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()
