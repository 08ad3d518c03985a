"""Reading versions whose manifests were decoded before."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from grid_datastores.domain.errors import AlreadyDeleted
from grid_datastores.domain.model import FileEntry, Source, SourceKind, User, Version
from grid_datastores.service import Service, open_service
from grid_datastores.settings import Limits, Settings
from grid_datastores.storage import Manifest


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    settings = Settings(tmp_path, tmp_path / "data" / "catalog.sqlite", Limits())
    opened = open_service(settings, lambda: None)
    yield opened
    opened.context.catalog.close()


@pytest.fixture
def ana(service: Service) -> User:
    return service.accounts.local("ana")


def _version(service: Service, ana: User, content: bytes) -> Version:
    begun = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    with service.uploads.sink(ana, begun.id).object("o", len(content)) as target:
        target.write(content)
    entry = FileEntry("a", len(content), sha256(content).hexdigest(), "o", 0)
    return service.uploads.publish(ana, begun.id, Manifest.of([entry]))


def _read(service: Service, ana: User, version: Version) -> bytes:
    return b"".join(service.reading.file(ana, version.id, "a")[1])


def test_a_manifest_is_decoded_once_for_many_reads(
    service: Service, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = _version(service, ana, b"abc"), _version(service, ana, b"xyz")
    decoded: list[bytes] = []
    decode = Manifest.decode_chunks
    monkeypatch.setattr(Manifest, "decode_chunks", lambda data: decoded.append(data) or decode(data))
    for _ in range(3):
        assert (_read(service, ana, first), _read(service, ana, second)) == (b"abc", b"xyz")
    assert len(decoded) == 2


def test_a_deleted_version_is_not_read_from_memory(service: Service, ana: User) -> None:
    version = _version(service, ana, b"abc")
    assert _read(service, ana, version) == b"abc"
    service.deletion.delete(ana, version.id)
    with pytest.raises(AlreadyDeleted):
        service.reading.manifest(ana, version.id)
