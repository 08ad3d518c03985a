"""Large files: the disk writes while more data comes, and the SHA-256 is computed beside."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from grid_datastores.service.finishing import Sink
from grid_datastores.sources import scan
from grid_datastores.storage import LocalStorage, pack
from grid_datastores.system import files
from grid_datastores.system.files import atomic_write

MIB = 1024 * 1024


def test_the_disk_writes_while_more_data_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[int, int]] = []
    monkeypatch.setattr(files, "_begin_writing", lambda _descriptor, start, size: begun.append((start, size)))
    with atomic_write(tmp_path / "file", 0o600) as file:
        for _ in range(20):
            file.write(bytes(MIB))
        assert begun == [(0, 8 * MIB), (8 * MIB, 8 * MIB)]
    assert (tmp_path / "file").read_bytes() == bytes(20 * MIB)


def test_a_system_that_cannot_begin_to_write_syncs_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: None) -> object:
        return object()

    synced: list[int] = []
    monkeypatch.setattr("ctypes.CDLL", missing)
    monkeypatch.setattr(os, "fsync", synced.append)
    with atomic_write(tmp_path / "file", 0o600) as file:
        file.write(bytes(9 * MIB))
    assert (tmp_path / "file").stat().st_size == 9 * MIB
    assert len(synced) == 1


def test_the_digest_of_a_large_file_is_that_of_its_stored_bytes(tmp_path: Path) -> None:
    source, storage = tmp_path / "source", LocalStorage(tmp_path / "data")
    content = os.urandom(9 * MIB + 1)
    source.mkdir()
    (source / "large").write_bytes(content)
    storage.begin("v1")
    counted: list[int] = []
    ((name, (entry,)),) = pack(scan(str(source)).files, Sink(storage, "v1"), counted.append)
    assert b"".join(storage.read("v1", name)) == content
    assert entry.sha256 == sha256(content).hexdigest()
    assert sum(counted) == len(content)
