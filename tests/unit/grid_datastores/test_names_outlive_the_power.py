"""What the catalog says is there is there after a power cut: names are synced before it is told of them."""

from __future__ import annotations

import os
import stat
from hashlib import md5
from pathlib import Path

import pytest

from grid_datastores.catalog.versions import Versions
from grid_datastores.domain.model import Phase, Source, SourceKind, User, Version
from grid_datastores.service import Service
from grid_datastores.service.uploads import CompletedObject

CONTENT = b"1" * 100


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done to names, and what the catalog is told."""
    done: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            done.append("synced")
        fsync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        done.append("manifest" if target.name.startswith("manifest") else "object")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    for name in ("complete_uploads", "finish"):
        _noted(done, monkeypatch, name)
    return done


def _noted(done: list[str], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    real = getattr(Versions, name)

    def noted(*given: object, **named: object) -> None:
        done.append(name)
        real(*given, **named)

    monkeypatch.setattr(Versions, name, noted)


def _completed(service: Service, ana: User) -> Version:
    version = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    (upload,) = service.uploads.announce(ana, version.id, {"a.csv": 1})
    with service.uploads.part(upload.id, 1) as target:
        target.write(CONTENT)
    etag = md5(CONTENT, usedforsecurity=False).hexdigest()
    service.uploads.complete_objects(ana, version.id, [CompletedObject("a.csv", upload.id, {1: etag})])
    service.uploads.complete(ana, version.id)
    return version


def test_names_are_synced_before_the_catalog_is_told_of_them(service: Service, ana: User, log: list[str]) -> None:
    _completed(service, ana)
    assert " ".join(log).endswith("object synced object synced complete_uploads")


def test_objects_are_synced_before_the_manifest_that_names_them(service: Service, ana: User, log: list[str]) -> None:
    _completed(service, ana)
    log.clear()
    service.finishing.finish_waiting()
    assert log == ["object", "synced", "manifest", "synced", "finish"]


@pytest.mark.parametrize("left", [None, CONTENT[:10]], ids=["gone", "short"])
def test_a_manifest_whose_objects_are_not_there_is_not_believed(
    service: Service, ana: User, monkeypatch: pytest.MonkeyPatch, left: bytes | None
) -> None:
    version = _completed(service, ana)
    finish = Versions.finish

    def dies(*_given: object, **_named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Versions, "finish", dies)
    with pytest.raises(KeyboardInterrupt):
        service.finishing.finish_waiting()
    monkeypatch.setattr(Versions, "finish", finish)
    assert service.context.storage.published_manifest(version.id)
    (pack,) = service.context.storage.local_path(version.id, "x").parent.glob("pack-*")
    pack.unlink()
    if left is not None:
        pack.write_bytes(left)
    assert service.context.storage.published_manifest(version.id) is None
    service.finishing.finish_waiting()
    assert service.reading.get(ana, version.id).phase is Phase.FAILED
