"""How often the bytes of an upload are opened, read and written: structures that make it fast."""

from __future__ import annotations

from hashlib import md5, sha256

import pytest

from grid_datastores.domain.model import FileEntry, Phase, Source, SourceKind, User, Version
from grid_datastores.service import Service
from grid_datastores.service.uploads import CompletedObject
from grid_datastores.storage import Manifest, local

FILES = Source(SourceKind.FILES, "data")


class _Opened:
    """Counts how often storage opens a file for reading."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        real = local._open

        def opened(path: local.Path) -> local.BinaryIO:
            self.names.append(path.name)
            return real(path)

        monkeypatch.setattr(local, "_open", opened)


def _send(service: Service, ana: User, version: Version, key: str, contents: list[bytes]) -> None:
    (upload,) = service.uploads.announce(ana, version.id, {key: len(contents)})
    for number, content in enumerate(contents, 1):
        with service.uploads.part(upload.id, number) as target:
            target.write(content)
    etags = {n: md5(content, usedforsecurity=False).hexdigest() for n, content in enumerate(contents, 1)}
    service.uploads.complete_objects(ana, version.id, [CompletedObject(key, upload.id, etags)])


def test_a_pack_is_opened_once_to_be_verified(service: Service, ana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    version = service.uploads.begin(ana, "data", FILES)
    contents = [str(number).encode() for number in range(100)]
    _send(service, ana, version, "pack", [b"".join(contents)])
    entries, offset = [], 0
    for number, content in enumerate(contents):
        entries.append(FileEntry(f"{number}.csv", len(content), sha256(content).hexdigest(), "pack", offset))
        offset += len(content)
    service.uploads.announce_manifest(ana, version.id, Manifest.of(entries).encode())
    service.uploads.complete(ana, version.id)
    opened = _Opened(monkeypatch)
    service.finishing.finish_waiting()
    assert service.reading.get(ana, version.id).phase is Phase.AVAILABLE
    assert sum(name.startswith("object-") for name in opened.names) == 1
