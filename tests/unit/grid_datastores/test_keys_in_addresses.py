"""The address of a source: its key is used for the fetch, shown to nobody, and erased after it."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from grid_datastores.domain.errors import (
    AlreadyDeleted,
    SourceFailed,
)
from grid_datastores.domain.model import Source, SourceKind, User
from grid_datastores.service import Service, open_service
from grid_datastores.settings import Limits, Settings
from grid_datastores.sources import scan
from grid_datastores.sources.remote import RemoteFiles

FILES = Source(SourceKind.FILES, "data")
ARCHIVE = Source(SourceKind.ARCHIVE, "https://example.com/a.zip?key=SECRET")


@pytest.mark.proves("key-in-address-erased")
@pytest.mark.parametrize("end", ["finished", "failed", "deleted", "dropped"])
def test_a_key_in_an_address_is_used_and_is_nowhere_else(
    service: Service, ana: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    asked: list[str] = []

    @contextmanager
    def remote(source: Source, *_given: object, **_named: object) -> Iterator[RemoteFiles]:
        asked.append(source.location)
        if end == "failed":
            raise SourceFailed("It is not there.")
        yield RemoteFiles(list(scan(str(tmp_path / "a.csv")).files))

    (tmp_path / "a.csv").write_bytes(b"1")
    monkeypatch.setattr("grid_datastores.sources.remote.open_remote", remote)
    version = service.uploads.begin(ana, "data", ARCHIVE)
    seen: list[object] = [version, service.reading.get(ana, version.id)]
    service.uploads.complete(ana, version.id)
    seen.append(service.reading.get(ana, version.id))
    assert _files_with_secret(tmp_path), "the fetch has not ended"
    if end == "dropped":
        service.uploads.abandon(ana, version.id)
    elif end == "deleted":
        seen.append(service.deletion.delete(ana, version.id))
    else:
        service.finishing.finish_waiting()
        assert asked == [ARCHIVE.location]
    seen.append(service.reading.details(ana, version.id))
    if end in ("deleted", "dropped"):
        with pytest.raises(AlreadyDeleted) as refused:
            service.deletion.delete(ana, version.id)
        seen.append(refused.value.message)
    assert "SECRET" not in repr(seen)
    assert _files_with_secret(tmp_path) == []
    with service.context.catalog.read() as tx:
        assert tx.versions.fetch_url(version.id) is None


def _files_with_secret(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and b"SECRET" in path.read_bytes()]


def test_a_key_that_a_reader_keeps_in_the_log_is_erased_after_it(service: Service, ana: User, tmp_path: Path) -> None:
    version = service.uploads.begin(ana, "data", ARCHIVE)
    assert _files_with_secret(tmp_path) == ["catalog.sqlite-wal"]
    with service.context.catalog.read() as tx:
        assert tx.versions.fetch_url(version.id) == ARCHIVE.location
        service.uploads.abandon(ana, version.id)
    service.tidy()
    assert _files_with_secret(tmp_path) == []


def test_a_key_that_another_process_left_in_the_log_is_erased(service: Service, ana: User, tmp_path: Path) -> None:
    version = service.uploads.begin(ana, "data", ARCHIVE)
    catalog = tmp_path / "data" / "catalog.sqlite"
    with closing(sqlite3.connect(catalog, isolation_level=None)) as keeper:
        keeper.execute("BEGIN")
        keeper.execute("SELECT id FROM versions").fetchall()
        service.uploads.abandon(ana, version.id)
        keeper.execute("COMMIT")
        assert _files_with_secret(tmp_path) != []
        other = open_service(Settings(tmp_path, catalog, Limits()), lambda: None)
        other.tidy()
        other.context.catalog.close()
        assert _files_with_secret(tmp_path) == []


def test_a_log_that_cannot_be_emptied_fails_no_command(service: Service, ana: User, tmp_path: Path) -> None:
    version = service.uploads.begin(ana, "data", ARCHIVE)
    with service.context.catalog.read() as tx:
        assert tx.versions.get(version.id)
        service.uploads.abandon(ana, version.id)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))  # the disk is full
        service.context.catalog.erase_secrets()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert _files_with_secret(tmp_path) != []
    service.tidy()
    assert _files_with_secret(tmp_path) == []


def test_an_address_that_is_only_told_is_shown_without_its_key(service: Service, ana: User) -> None:
    told = Source(SourceKind.FILES, "https://ana:SECRET@example.com/a.zip?key=SECRET")
    assert service.uploads.begin(ana, "data", told).source.location == "https://example.com/a.zip"
