"""How often the bytes of an upload are opened, read and written: structures that make it fast."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import pytest

from grid_datastores.domain.errors import Damaged, InvalidInput, UploadInvalid
from grid_datastores.domain.model import FileEntry, Phase, Source, SourceKind, Upload, User, Version
from grid_datastores.service import Service
from grid_datastores.service.uploads import CompletedObject
from grid_datastores.storage import Manifest, local, parts

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


def _etags(contents: list[bytes]) -> dict[int, str]:
    return {n: md5(content, usedforsecurity=False).hexdigest() for n, content in enumerate(contents, 1)}


def _put(service: Service, upload: Upload, number: int, content: bytes) -> None:
    with service.uploads.part(upload.id, number, len(content)) as target:
        target.write(content)


def _finish(service: Service, ana: User, version: Version, upload: Upload, contents: list[bytes]) -> bytes:
    """Complete the only object of a version, as our client does, and return what the version then contains."""
    service.uploads.complete_objects(ana, version.id, [CompletedObject(upload.key, upload.id, _etags(contents))])
    content = b"".join(contents)
    entry = FileEntry("a.bin", len(content), sha256(content).hexdigest(), upload.key, 0)
    service.uploads.announce_manifest(ana, version.id, Manifest.of([entry]).encode())
    service.uploads.complete(ana, version.id)
    service.finishing.finish_waiting()
    assert service.reading.get(ana, version.id).phase is Phase.AVAILABLE
    return b"".join(service.reading.file(ana, version.id, "a.bin")[1])


@pytest.fixture
def version(service: Service, ana: User) -> Version:
    return service.uploads.begin(ana, "data", FILES)


def _announced(service: Service, ana: User, version: Version, count: int) -> Upload:
    (upload,) = service.uploads.announce(ana, version.id, {"object": count})
    return upload


def test_parts_become_an_object_without_a_copy_and_are_read_once(
    service: Service, ana: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [b"a" * 1000, b"b" * 1000, b"c" * 1000, b"d" * 10]
    upload = _announced(service, ana, version, 4)
    read: list[int] = []
    real = parts._range

    def counted(descriptor: int, start: int, size: int) -> Iterator[bytes]:
        read.append(size)
        return real(descriptor, start, size)

    monkeypatch.setattr(parts, "_range", counted)
    for number in (2, 1, 3, 4):
        _put(service, upload, number, contents[number - 1])
    assert sum(read) == 3010  # hashed, once it is stored, in the order of the parts
    opened, wrote = _Opened(monkeypatch), []
    real_object = local.LocalStorage.new_object

    def noted(storage: local.LocalStorage, version_id: str, name: str, *rest: Any) -> Any:
        wrote.append(name)
        return real_object(storage, version_id, name, *rest)

    monkeypatch.setattr(local.LocalStorage, "new_object", noted)
    assert _finish(service, ana, version, upload, contents) == b"".join(contents)
    assert sum(read) == 3010
    assert wrote == ["announced.jsonl", "manifest.jsonl"]
    assert sum(name.startswith("object-") for name in opened.names) == 1  # by the reader


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)], ids=str)
@pytest.mark.parametrize("sizes", [(9, 9, 9), (9, 9, 5), (9, 9, 12), (5, 9, 5), (9, 0, 9)], ids=str)
def test_parts_of_all_sizes_arrive_in_any_order(
    service: Service, ana: User, version: Version, order: tuple[int, ...], sizes: tuple[int, ...]
) -> None:
    contents = [str(number).encode() * size for number, size in enumerate(sizes)]
    upload = _announced(service, ana, version, 3)
    for number in order:
        _put(service, upload, number, contents[number - 1])
    assert service.uploads.stored_parts(version.id, [upload]) == {
        (upload.id, number): etag for number, etag in _etags(contents).items()
    }
    assert _finish(service, ana, version, upload, contents) == b"".join(contents)


def test_a_part_that_is_sent_again_replaces_the_first_and_disturbs_no_other(
    service: Service, ana: User, version: Version
) -> None:
    upload = _announced(service, ana, version, 3)
    for number in (1, 2, 3):
        _put(service, upload, number, b"x" * 9)
    _put(service, upload, 2, b"y" * 9)
    contents = [b"x" * 9, b"y" * 9, b"x" * 9]
    assert service.uploads.stored_parts(version.id, [upload])[upload.id, 2] == _etags(contents)[2]
    with pytest.raises(UploadInvalid, match="Part 2 of 'object' does not match its ETag"):
        _finish(service, ana, version, upload, [b"x" * 9] * 3)
    assert _finish(service, ana, version, upload, contents) == b"".join(contents)


def test_a_slow_sender_of_a_part_spoils_nothing(service: Service, ana: User, version: Version) -> None:
    """It was given up, and the part sent again, but then it continues."""
    contents = [b"x" * 9, b"y" * 9, b"z" * 9]
    upload = _announced(service, ana, version, 3)
    slow = service.uploads.part(upload.id, 2, 9)
    target = slow.__enter__()
    target.write(b"slow")
    for number in (1, 2, 3):
        _put(service, upload, number, contents[number - 1])
    target.write(b"slow!")
    service.uploads.complete_objects(ana, version.id, [CompletedObject("object", upload.id, _etags(contents))])
    late = service.uploads.part(upload.id, 2, 9)
    late.__enter__().write(b"very late")
    late.__exit__(None, None, None)
    slow.__exit__(None, None, None)
    assert _finish(service, ana, version, upload, contents) == b"".join(contents)


def test_an_upload_that_is_completed_too_early_continues(service: Service, ana: User, version: Version) -> None:
    contents = [b"x" * 9, b"y" * 9, b"z" * 9]
    upload = _announced(service, ana, version, 3)
    for number in (1, 2):
        _put(service, upload, number, contents[number - 1])
    with service.uploads.part(upload.id, 3, 9) as target:
        target.write(b"zzzz")
        with pytest.raises(UploadInvalid, match="Part 3 of 'object' does not match its ETag"):
            service.uploads.complete_objects(ana, version.id, [CompletedObject("object", upload.id, _etags(contents))])
        target.write(b"zzzzz")
    assert _finish(service, ana, version, upload, contents) == b"".join(contents)


def test_a_part_that_ends_early_or_late_is_not_stored(service: Service, ana: User, version: Version) -> None:
    upload = _announced(service, ana, version, 2)
    _put(service, upload, 2, b"y" * 9)
    for content in (b"short", b"much too long"):
        with pytest.raises(InvalidInput), service.uploads.part(upload.id, 1, 9) as target:
            target.write(content)
    assert list(service.uploads.stored_parts(version.id, [upload])) == [(upload.id, 2)]
    _put(service, upload, 1, b"x" * 9)
    assert _finish(service, ana, version, upload, [b"x" * 9, b"y" * 9]) == b"x" * 9 + b"y" * 9


def test_parts_that_an_earlier_release_stored_are_used(service: Service, ana: User, version: Version) -> None:
    upload = _announced(service, ana, version, 3)
    contents = [b"x" * 9, b"y" * 9, b"z"]
    _put(service, upload, 2, contents[1])
    folder = service.context.storage.local_path(version.id, "x").parent
    for number in (1, 3):
        (folder / f"part-{upload.id}-{number}").write_bytes(contents[number - 1])
    assert len(service.uploads.stored_parts(version.id, [upload])) == 3
    assert _finish(service, ana, version, upload, contents) == b"".join(contents)


@pytest.mark.parametrize("count", [1, 2])
def test_an_etag_is_no_path(service: Service, ana: User, version: Version, count: int, tmp_path: Path) -> None:
    upload = _announced(service, ana, version, count)
    folder = service.context.storage.local_path(version.id, "x").parent
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / f"part-{upload.id}-1.").mkdir()  # the step up exists
    etags = dict.fromkeys(range(1, count + 1), "/../../../../secret")
    with pytest.raises(UploadInvalid, match="Part 1 of 'object' does not match its ETag"):
        service.uploads.complete_objects(ana, version.id, [CompletedObject("object", upload.id, etags)])
    assert (tmp_path / "secret").exists()


def test_a_damaged_byte_of_a_stored_part_is_noticed(service: Service, ana: User, version: Version) -> None:
    """At the latest when it is read: what was hashed as it arrived is not read again."""
    contents = [b"x" * 9, b"y" * 9]
    upload = _announced(service, ana, version, 2)
    for number in (1, 2):
        _put(service, upload, number, contents[number - 1])
    folder = service.context.storage.local_path(version.id, "x").parent
    (shared,) = folder.glob("parts-*")
    shared.write_bytes(b"x" * 9 + b"z" * 9)
    with pytest.raises(Damaged):
        _finish(service, ana, version, upload, contents)


def test_a_part_is_one_change_of_the_catalog(
    service: Service, ana: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = _announced(service, ana, version, 2)
    changes: list[object] = []
    real = type(service.context.catalog).write

    def counted(catalog: Any, *given: Any, **named: Any) -> Any:
        changes.append(catalog)
        return real(catalog, *given, **named)

    monkeypatch.setattr(type(service.context.catalog), "write", counted)
    _put(service, upload, 1, b"x" * 9)
    assert len(changes) == 1
