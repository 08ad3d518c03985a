"""Versions with many files: what lists them needs little memory, and notices damage anywhere in the list."""

from __future__ import annotations

import gc
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grid_datastores.domain.errors import AlreadyDeleted, Damaged, InvalidInput
from grid_datastores.domain.model import FileEntry, Source, SourceKind, User, Version
from grid_datastores.service import Service
from grid_datastores.storage import Manifest, local, manifest, read_files

FILES = 8_000
PIECE = 64 * 1024
SHA = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # of b"x"


def entries(count: int = FILES) -> Iterator[FileEntry]:
    """Files in one object, all of them the same byte."""
    return (FileEntry(f"images/of/a/large/set/{n:07}.jpg", 1, SHA, "pack", 0, modified=n) for n in range(count))


@pytest.fixture
def large(service: Service, ana: User) -> Version:
    """A version with many files, and an empty folder."""
    begun = service.uploads.begin(ana, "large", Source(SourceKind.FILES, "/large"))
    with service.uploads.sink(ana, begun.id).object("pack", None) as target:
        target.write(b"x")
    return service.uploads.publish(ana, begun.id, Manifest.of(entries(), ["empty"]))


def peak_of(call: Callable[[], object]) -> int:
    """The most memory that a call takes besides what there is, in bytes."""
    gc.collect()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def manifest_of(tmp_path: Path, version: Version) -> Path:
    return tmp_path / "data" / "versions" / version.id / "manifest.jsonl"


@pytest.mark.proves("lists-of-files-need-little-memory")
def test_a_page_of_files_is_read_without_the_rest_of_the_list(
    service: Service, ana: User, large: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_PIECE", PIECE)
    monkeypatch.setattr(manifest, "_DECODED", PIECE)
    names = [entry.path for entry in entries()]
    for start in (0, FILES - 5):
        files, more = service.reading.page_of_files(ana, large.id, start, 5)
        assert [file.path for file in files] == names[start : start + 5]
        assert more is (start == 0)
    assert service.reading.page_of_files(ana, large.id, FILES, 5) == ([], False)
    whole = peak_of(lambda: service.reading.manifest(ana, large.id))
    for read in (
        lambda: service.reading.page_of_files(ana, large.id, FILES // 2, 5),
        lambda: deque(service.reading.encoded_manifest(ana, large.id).chunks, maxlen=0),
        lambda: deque(service.reading.listed_files(ana, large.id), maxlen=0),
    ):
        assert peak_of(read) < min(20 * PIECE, whole / 3)


def test_a_page_of_a_list_that_is_damaged_elsewhere_is_refused(
    service: Service, ana: User, large: Version, tmp_path: Path
) -> None:
    path = manifest_of(tmp_path, large)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"0007999.jpg", b"0007998.jpg"))
    with pytest.raises(Damaged, match="The list of files of this version is damaged"):
        service.reading.page_of_files(ana, large.id, 0, 1)
    service.deletion.delete(ana, large.id)
    with pytest.raises(AlreadyDeleted):
        service.reading.page_of_files(ana, large.id, 0, 1)


def test_a_manifest_is_decoded_piece_by_piece(tmp_path: Path) -> None:
    made = Manifest.of(entries(1000), ["empty"])
    encoded = made.encode()
    for size in (len(encoded), 33_333, 333):
        pieces = [encoded[start : start + size] for start in range(0, len(encoded), size)]
        assert Manifest.decode_chunks(pieces) == made
    assert len({id(file.object) for file in Manifest.decode(encoded).files}) == 1
    assert Manifest.decode(encoded.replace(b"\n", b"\r\n")) == made


@pytest.mark.parametrize("read", [Manifest.decode_chunks, lambda chunks: list(read_files(chunks))])
def test_a_manifest_with_a_line_without_an_end_is_refused_early(read: Callable[[Iterator[bytes]], object]) -> None:
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        for _ in range(100):
            given += 1
            yield b"[" * manifest._DECODED

    with pytest.raises(InvalidInput, match=r"This is not a manifest\."):
        read(endless())
    assert given == 2
