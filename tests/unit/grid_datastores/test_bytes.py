"""Packs, manifests and restoring: real tar files, read by Python's tarfile and by tar itself."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from grid_datastores.domain.errors import Damaged, InvalidInput, NotFound, Refusal, SourceFailed
from grid_datastores.domain.model import FileEntry
from grid_datastores.machine.restore import restore
from grid_datastores.sources import scan
from grid_datastores.storage import LocalStorage, Manifest, check_path, pack
from grid_datastores.storage.packing import LARGE_FILE, PACK_SIZE

ODD = {
    "a.csv": b"1,2\n",
    "empty": b"",
    "deep/er/b.csv": b"x" * 512,
    "c": b"y" * 513,
    "d" * 150: b"long name",
    "/".join(["e" * 60] * 10): b"long path",
    "été 🐧.csv": b"not ASCII",
    "sp ace 'quote\"": b"odd",
    "line\u2028separator": b"one line in JSON lines",
    "nearly": bytes(LARGE_FILE - 1),
    "large": bytes(LARGE_FILE),
    "larger/file": os.urandom(3 * LARGE_FILE + 17),
}


@dataclass
class Memory:
    """Objects, as they were written."""

    objects: dict[str, bytes] = field(default_factory=dict)
    sizes: dict[str, int | None] = field(default_factory=dict)

    @contextmanager
    def object(self, name: str, size: int | None) -> Iterator[io.BytesIO]:
        assert name not in self.objects
        target = io.BytesIO()
        yield target
        self.objects[name], self.sizes[name] = target.getvalue(), size


def _folder(parent: Path, files: dict[str, bytes]) -> Path:
    folder = parent / "source"
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def _packed(folder: Path, sink: Memory) -> Manifest:
    told = 0

    def progress(count: int) -> None:
        nonlocal told
        told += count

    data = scan(str(folder))
    manifest = Manifest.of(entry for _, entries in pack(data.files, sink, progress) for entry in entries)
    assert told == data.size_bytes == manifest.size_bytes
    return manifest


@pytest.mark.proves("small-files-are-packed")
def test_a_manifest_says_where_every_byte_lies(tmp_path: Path) -> None:
    sink = Memory()
    manifest = _packed(_folder(tmp_path, ODD), sink)
    assert [file.path for file in manifest.files] == sorted(ODD)
    for file in manifest.files:
        assert sink.objects[file.object][file.offset : file.offset + file.size] == ODD[file.path]
        assert file.sha256 == sha256(ODD[file.path]).hexdigest()
    assert {name for name in sink.objects if name.startswith("file-")} == {"file-00001", "file-00002"}
    assert {name: size for name, size in sink.sizes.items() if size is not None} == {
        name: len(sink.objects[name]) for name in ("file-00001", "file-00002")
    }


def test_a_pack_is_read_by_any_tar(tmp_path: Path) -> None:
    sink = Memory()
    _packed(_folder(tmp_path, ODD), sink)
    small = {path: content for path, content in ODD.items() if len(content) < LARGE_FILE}
    (name,) = [name for name in sink.objects if name.startswith("pack-")]
    with tarfile.open(fileobj=io.BytesIO(sink.objects[name])) as tar:
        read = {member.name: tar.extractfile(member) for member in tar}
        assert {path: file.read() for path, file in read.items() if file} == small
    archive = tmp_path / name
    archive.write_bytes(sink.objects[name])
    out = tmp_path / "out"
    out.mkdir()
    done = subprocess.run(["tar", "xf", archive, "-C", out], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()} == small
    assert archive.stat().st_size % tarfile.RECORDSIZE == 0


@pytest.mark.proves("small-files-are-packed")
def test_many_files_make_packs_of_a_limited_size(tmp_path: Path) -> None:
    count = PACK_SIZE // (LARGE_FILE - 1) + 3
    sink = Memory()
    manifest = _packed(_folder(tmp_path, {f"{n:03}": bytes([n]) * (LARGE_FILE - 1) for n in range(count)}), sink)
    assert sorted(sink.objects) == ["pack-00001.tar", "pack-00002.tar"]
    assert all(len(content) < PACK_SIZE + 2 * LARGE_FILE for content in sink.objects.values())
    for file in manifest.files:
        assert sink.objects[file.object][file.offset] == int(file.path)


def test_objects_that_are_there_are_not_written_again(tmp_path: Path) -> None:
    folder, first = _folder(tmp_path, ODD), Memory()
    there = dict(pack(scan(str(folder)).files, first, lambda _: None))
    kept = {"file-00001": there["file-00001"]}
    second = Memory()
    again = dict(pack(scan(str(folder)).files, second, lambda _: None, kept))
    assert again == there
    assert {**second.objects, "file-00001": first.objects["file-00001"]} == first.objects


def test_a_manifest_comes_back_from_its_bytes(tmp_path: Path) -> None:
    manifest = _packed(_folder(tmp_path, ODD), Memory())
    assert Manifest.decode(manifest.encode()) == manifest
    assert len(manifest.encode().splitlines()) == len(ODD)


@pytest.mark.proves("fingerprint-of-paths-sizes-contents")
def test_a_fingerprint_is_of_paths_sizes_and_contents_alone(tmp_path: Path) -> None:
    def fingerprint(*files: FileEntry) -> str:
        return Manifest.of(files).fingerprint

    one = FileEntry("a", 1, "1" * 64, "pack-1", 0)
    two = FileEntry("b", 2, "2" * 64, "pack-1", 512)
    assert fingerprint(one, two) == fingerprint(two, one)
    assert fingerprint(one, two) == fingerprint(FileEntry("a", 1, "1" * 64, "other", 7), two)
    others = [(two,), (one,), (FileEntry("c", 1, "1" * 64, "", 0), two), (FileEntry("a", 1, "3" * 64, "", 0), two)]
    others += [(FileEntry("a", 3, "1" * 64, "", 0), two)]
    assert len({fingerprint(one, two), *(fingerprint(*other) for other in others)}) == 6


LONGEST = "/".join(["d" * 255] * 4)  # 1,023 bytes


@pytest.mark.proves("longest-paths")
@pytest.mark.parametrize(
    "path", ["a", "a/b", ".hidden", "...", "a b", "été", LONGEST, "д" * 127, "-rf", "~", "a:b", "C:x"]
)
def test_paths(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize(
    "path",
    ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/./b", "a\\b", "a\x00", "a\n", "\x7f", "\ud800"],
)
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(InvalidInput):
        check_path(path)
    with pytest.raises(InvalidInput):
        Manifest.decode(json.dumps([path, 0, "", "object", 0]).encode())
    with pytest.raises(InvalidInput):
        Manifest.decode(json.dumps([path]).encode())


@pytest.mark.proves("longest-paths")
@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            f"docs/{'д' * 133}",
            f"'{'д' * 60}…' is too long for a name: it has 266 bytes. At most 255 are allowed. Rename it.",
        ),
        (f"{LONGEST}/x", "is too long for a path in a version: it has 1,025 bytes. At most 1,024 are allowed."),
    ],
)
def test_a_new_version_has_no_path_that_no_disk_takes(path: str, said: str) -> None:
    file = FileEntry(path, 0, "", "object", 0)
    for refused in (lambda: check_path(path), lambda: Manifest.of([file]), lambda: Manifest.of([], [path])):
        with pytest.raises(InvalidInput, match=re.escape(said)):
            refused()
    assert Manifest.decode(Manifest((file,)).encode()).files == (file,)  # earlier releases stored such paths


@pytest.mark.parametrize("pair", [("a", "a"), ("a", "a/b"), ("a/b/c", "a/b"), ("a/b", "a/b/c/d")])
def test_two_files_cannot_be_at_one_place(pair: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput):
        Manifest.of(FileEntry(path, 0, "", "object", 0) for path in pair)


def test_restoring_gives_back_every_byte(tmp_path: Path) -> None:
    sink = Memory()
    source = _folder(tmp_path, ODD)
    manifest = _packed(source, sink)
    for size in (1 << 20, 1000):  # however the bytes come
        target = tmp_path / f"target-{size}"

        def chunks(name: str, size: int = size) -> Iterator[bytes]:
            return (sink.objects[name][at : at + size] for at in range(0, len(sink.objects[name]), size))

        restore(manifest, chunks, target, lambda _: None, directory=tmp_path / ".grid")
        assert {p.relative_to(target).as_posix(): p.read_bytes() for p in target.rglob("*") if p.is_file()} == ODD
        assert target.stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in tmp_path.iterdir()) == [".grid", "source", "target-1000", f"target-{1 << 20}"]


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "raises"])
def test_restoring_what_is_damaged_leaves_no_folder(tmp_path: Path, damage: str) -> None:
    sink = Memory()
    manifest = _packed(_folder(tmp_path, ODD), sink)

    def chunks(name: str) -> Iterator[bytes]:
        content = sink.objects[name]
        if damage == "raises":
            yield content[:700]
            raise NotFound("It is gone.")
        yield {"cut": content[:-20000], "changed": content[:-20000] + b"!" * 20000, "empty": b""}[damage]

    with pytest.raises(NotFound if damage == "raises" else Damaged):
        restore(manifest, chunks, tmp_path / "target", lambda _: None, directory=tmp_path / ".grid")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".grid", "source"]
    assert list((tmp_path / ".grid").rglob("*")) == [tmp_path / ".grid" / "unfinished-downloads"]


def test_restoring_never_writes_over_anything(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for place in ("there", "link"):
        with pytest.raises(Refusal, match=r"already exists\. Nothing was written"):
            restore(Manifest(()), lambda _: [], tmp_path / place, lambda _: None, directory=tmp_path / ".grid")
    with pytest.raises(SourceFailed):
        restore(Manifest(()), lambda _: [], tmp_path / "no/parent", lambda _: None, directory=tmp_path / ".grid")


def test_storage_names_no_file_as_a_user_would(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.begin("v1")
    for name in ("../evil", "a/b", "", ".hidden", "a\x00", "é", "x" * 101):
        with pytest.raises(NotFound), storage.new_object("v1", name) as target:
            target.write(b"evil")
        with pytest.raises(NotFound):
            storage.size("v1", name)
    for version_id in ("../versions", "a/b", ""):
        with pytest.raises(NotFound):
            storage.erase(version_id)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_object_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.begin("v1")

    def write(content: bytes, *, fail: bool = False) -> None:
        with storage.new_object("v1", "one") as target:
            target.write(content)
            target.flush()
            assert "one" not in [path.name for path in (tmp_path / "versions" / "v1").iterdir()] or fail
            if fail:
                raise KeyError(content)

    with pytest.raises(KeyError):
        write(b"half", fail=True)
    assert list((tmp_path / "versions" / "v1").iterdir()) == []
    write(b"whole")
    with pytest.raises(KeyError):
        write(b"other", fail=True)
    assert b"".join(storage.read("v1", "one")) == b"whole"
    assert [path.name for path in (tmp_path / "versions" / "v1").iterdir()] == ["one"]


def test_an_object_is_read_in_small_pieces(tmp_path: Path) -> None:
    """A server holds two pieces for each client that does not read."""
    storage = LocalStorage(tmp_path)
    storage.begin("v1")
    with storage.new_object("v1", "one") as file:
        file.write(bytes(2**20))
    assert max(map(len, storage.read("v1", "one"))) <= 2**17


def test_two_who_write_one_object_do_not_mix_their_bytes(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.begin("v1")
    with storage.new_object("v1", "one") as first, storage.new_object("v1", "one") as second:
        first.write(b"aaaa")
        second.write(b"bb")
    assert b"".join(storage.read("v1", "one")) == b"aaaa"


def test_after_an_erase_nothing_can_be_written(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.begin("v1")
    late = storage.new_object("v1", "one")
    late.__enter__().write(b"late")
    storage.erase("v1")
    with pytest.raises(NotFound):
        late.__exit__(None, None, None)
    storage.erase("v1")
    with pytest.raises(NotFound), storage.new_object("v1", "one"):
        pass
    with pytest.raises(Damaged):
        storage.manifest("v1")
    assert list((tmp_path / "versions").iterdir()) == []
