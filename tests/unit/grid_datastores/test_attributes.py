"""What a version keeps of its files beside their bytes: times, what is executable, empty folders; and their names."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grid_datastores.domain.errors import Damaged, InvalidInput, SourceFailed
from grid_datastores.domain.model import FileEntry
from grid_datastores.machine.restore import check_all_written, restore
from grid_datastores.server.ui.archive import tar
from grid_datastores.sources import LocalSource, scan
from grid_datastores.storage import Manifest, pack

OLD = 1_234_567_890_123_456_789  # nanoseconds: 2009
LARGE = bytes(1024 * 1024)


class Memory:
    """Objects in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    @contextmanager
    def object(self, name: str, _size: int | None) -> Iterator[io.BytesIO]:
        target = io.BytesIO()
        yield target
        self.objects[name] = target.getvalue()

    def read(self, name: str) -> list[bytes]:
        return [self.objects[name]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A script, a large program, an old file, a new one, and folders with nothing in them."""
    folder = tmp_path / "source"
    for path in ("logs/empty/deep", "bin"):
        (folder / path).mkdir(parents=True)
    for path, content, mode in (
        ("bin/run.sh", b"#!/bin/sh\necho ran\n", 0o755),
        ("bin/large", LARGE, 0o700),
        ("old.csv", b"1,2\n", 0o640),
        ("logs/new.txt", b"", 0o644),
    ):
        (folder / path).write_bytes(content)
        (folder / path).chmod(mode)
    os.utime(folder / "old.csv", ns=(OLD, OLD))
    os.utime(folder / "bin" / "large", ns=(-5 * 10**9, -5 * 10**9))
    return folder


def packed(data: LocalSource, sink: Memory) -> Manifest:
    entries = [entry for _name, entries in pack(data.files, sink, lambda _: None) for entry in entries]
    return Manifest.of(entries, data.folders)


@pytest.mark.proves("attributes-come-back")
def test_a_folder_comes_back_with_times_programs_and_empty_folders(folder: Path, tmp_path: Path) -> None:
    sink = Memory()
    manifest = Manifest.decode(packed(scan(str(folder)), sink).encode())
    assert restore(manifest, sink.read, tmp_path / "target", lambda _: None, directory=tmp_path / ".grid") == {}
    there = sorted(path.relative_to(tmp_path / "target") for path in (tmp_path / "target").rglob("*"))
    assert there == sorted(path.relative_to(folder) for path in folder.rglob("*"))
    assert (tmp_path / "target/logs/empty/deep").is_dir()
    for path in (path for path in there if (folder / path).is_file()):
        source, target = (folder / path).stat(), (tmp_path / "target" / path).stat()
        assert target.st_mtime_ns == source.st_mtime_ns
        assert bool(target.st_mode & 0o111) == bool(source.st_mode & 0o111)


@pytest.mark.proves("large-copies-share-their-blocks")
def test_a_large_file_that_this_machine_stores_is_cloned_not_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk of the tests may have no copy-on-write; `ioctl` then does what the file system would."""
    sink = Memory()
    manifest = packed(scan(str(folder)), sink)
    [large] = [file for file in manifest.files if file.path == "bin/large"]
    stored = tmp_path / "stored"
    stored.write_bytes(sink.objects[large.object])
    stored.chmod(0o444)
    read: list[str] = []

    def read_object(name: str) -> list[bytes]:
        read.append(name)
        return sink.read(name)

    def ioctl(target: int, _request: int, source: int) -> int:
        return os.pwrite(target, os.pread(source, len(LARGE), 0), 0)

    def written(name: str) -> tuple[bytes, int, int, list[str]]:
        read.clear()
        target = tmp_path / name
        restore(
            manifest,
            read_object,
            target,
            lambda _: None,
            lambda each: stored if each == large.object else None,
            directory=tmp_path / ".grid",
        )
        there = target / "bin/large"
        return there.read_bytes(), there.stat().st_mtime_ns, there.stat().st_mode & 0o111, sorted(read)

    without = written("without")
    assert without == (LARGE, large.modified, 0o111, sorted({file.object for file in manifest.files}))
    monkeypatch.setattr("fcntl.ioctl", ioctl)
    assert written("with") == (*without[:3], ["pack-00001.tar"])
    stored.chmod(0o644)
    stored.write_bytes(b"x" * len(LARGE))
    with pytest.raises(Damaged, match="bin/large does not match"):
        written("damaged")
    assert not (tmp_path / "damaged").exists()


@pytest.mark.proves("links-and-extended-attributes-not-stored")
def test_hard_links_come_back_as_files_and_extended_attributes_not_at_all(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.csv").write_text("1,2\n")
    (source / "b.csv").hardlink_to(source / "a.csv")
    os.setxattr(source / "a.csv", "user.color", b"red")
    sink, target = Memory(), tmp_path / "target"
    restore(packed(scan(str(source)), sink), sink.read, target, lambda _: None, directory=tmp_path / ".grid")
    assert {path.name: path.read_text() for path in target.iterdir()} == {"a.csv": "1,2\n", "b.csv": "1,2\n"}
    assert (target / "a.csv").stat().st_ino != (target / "b.csv").stat().st_ino
    assert os.listxattr(target / "a.csv") == []


@pytest.mark.proves("permissions-of-new-files")
@pytest.mark.parametrize(
    ("umask", "folders", "files", "programs"), [(0o077, 0o700, 0o600, 0o700), (0o002, 0o775, 0o664, 0o775)]
)
def test_all_else_of_a_mode_is_that_of_new_files_here(
    folder: Path, tmp_path: Path, umask: int, folders: int, files: int, programs: int
) -> None:
    sink = Memory()
    if os.geteuid() == 0:
        os.chown(folder / "old.csv", 12345, 12345)
    manifest = packed(scan(str(folder)), sink)
    before = os.umask(umask)
    try:
        restore(manifest, sink.read, tmp_path / "target", lambda _: None, directory=tmp_path / ".grid")
    finally:
        os.umask(before)
    modes = {path: (tmp_path / "target" / path).stat().st_mode & 0o777 for path in ("", "bin", "old.csv", "bin/run.sh")}
    assert modes == {"": folders, "bin": folders, "old.csv": files, "bin/run.sh": programs}
    assert (tmp_path / "target" / "old.csv").stat().st_uid == os.geteuid()


@pytest.mark.proves("fingerprint-of-paths-sizes-contents")
def test_a_fingerprint_knows_paths_sizes_and_contents_only(folder: Path) -> None:
    before = packed(scan(str(folder)), Memory()).fingerprint
    (folder / "bin/run.sh").chmod(0o644)
    (folder / "logs/empty/deep").rmdir()
    os.utime(folder / "old.csv")
    assert packed(scan(str(folder)), Memory()).fingerprint == before
    (folder / "old.csv").write_bytes(b"1,3\n")
    assert packed(scan(str(folder)), Memory()).fingerprint != before


@pytest.mark.proves("owners-permissions-folder-times-not-stored")
def test_owners_other_permissions_and_times_of_folders_are_not_stored(folder: Path) -> None:
    before = packed(scan(str(folder)), Memory()).encode()
    (folder / "old.csv").chmod(0o606)
    (folder / "bin/run.sh").chmod(0o511)
    (folder / "bin").chmod(0o711)
    for path in ("bin", "logs/empty/deep"):
        os.utime(folder / path, (1, 1))
    if os.geteuid() == 0:
        os.chown(folder / "old.csv", 12345, 12345)
    assert packed(scan(str(folder)), Memory()).encode() == before
    (folder / "bin/run.sh").chmod(0o644)
    assert packed(scan(str(folder)), Memory()).encode() != before


def test_a_pack_and_a_download_in_the_browser_are_tars_that_any_tool_reads(folder: Path) -> None:
    sink = Memory()
    manifest = packed(scan(str(folder)), sink)
    content = {file.path: sink.objects[file.object][file.offset :][: file.size] for file in manifest.files}
    sent = b"".join(tar(((file, iter([content[file.path]])) for file in manifest.files), manifest.folders))
    with tarfile.open(fileobj=io.BytesIO(sink.objects["pack-00001.tar"])) as found:
        assert {(member.name, member.mode) for member in found} == {
            ("bin/run.sh", 0o755),
            ("logs/new.txt", 0o644),
            ("old.csv", 0o644),
        }
    with tarfile.open(fileobj=io.BytesIO(sent)) as found:
        assert found.getmember("logs/empty/deep").isdir()
        assert found.getmember("old.csv").mtime == OLD // 10**9
        assert found.getmember("bin/large").mtime == 0  # a tar knows no time before 1970
        assert found.getmember("bin/large").mode == 0o755


def test_a_manifest_of_an_earlier_release_is_read_and_stays_as_it_was() -> None:
    line = b'["a.csv", 3, "' + b"0" * 64 + b'", "pack-00001.tar", 512]\n'
    assert Manifest.decode(line).files == (FileEntry("a.csv", 3, "0" * 64, "pack-00001.tar", 512),)
    assert Manifest.decode(line).encode() == line


@pytest.mark.parametrize(
    "more", [[True], [1, None], [True, "now"], [True, 2**63], [True, True], [True, None, 0], ["x", 1]]
)
def test_what_is_no_attribute(more: list[object]) -> None:
    with pytest.raises(InvalidInput, match="not a manifest"):
        Manifest.decode(json.dumps(["a", 0, "", "object", 0, *more]).encode())


@pytest.mark.parametrize("row", [[], [5], [None], [["a"]], 5, "a", {"a": 1}])
def test_what_is_no_line_of_a_manifest(row: object) -> None:
    with pytest.raises(InvalidInput, match=r"manifest|path inside a version"):
        Manifest.decode(json.dumps(row).encode())


def test_folders_with_something_in_them_are_not_empty() -> None:
    file = FileEntry("a/b/c.csv", 0, "", "object", 0)
    assert Manifest.of([file], ["a", "a/b", "d", "d/e", "d/e"]).folders == ("d/e",)
    for folder in ("a/b/c.csv", "a/b/c.csv/d"):
        with pytest.raises(InvalidInput, match="both a file and a folder"):
            Manifest.of([file], [folder])


def test_one_name_that_a_disk_does_not_take_costs_no_other_file(tmp_path: Path) -> None:
    """As on a disk that takes shorter names than the one that it came from, or that does not tell A from a."""
    sink = Memory()
    source = tmp_path / "source"
    source.mkdir()
    for name in ("a.csv", "b.csv", "c.csv"):
        (source / name).write_text(name)
    manifest = packed(scan(str(source)), sink)
    long = "l" * 256
    files = tuple(file._replace(path=long) if file.path == "b.csv" else file for file in manifest.files)
    target = tmp_path / "target"
    refused = restore(Manifest(files), sink.read, target, lambda _: None, directory=tmp_path / ".grid")
    assert refused == {long: "file name too long"}
    assert {path.name: path.read_text() for path in target.iterdir()} == {"a.csv": "a.csv", "c.csv": "c.csv"}
    with pytest.raises(
        SourceFailed, match=rf"contains 2 of 3 files. Its file system rejected these names:\n  '{'l' * 200}': file"
    ):
        check_all_written(refused, len(files), target)


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A folder for folders that nest deeper than Python's own removal goes."""
    yield tmp_path / "source"
    subprocess.run(["rm", "-rf", tmp_path / "source", tmp_path / "target"], check=True)


def test_folders_nest_as_deep_as_paths_allow(tmp_path: Path, deep: Path) -> None:
    inside = "/".join(["d"] * 511)  # 1,021 bytes
    (deep / "top").mkdir(parents=True)
    _make_deep(deep, inside)
    (deep / "top" / "a.csv").write_text("1\n")
    (deep / inside / "f").write_text("2\n")
    sink = Memory()
    manifest = packed(scan(str(deep)), sink)
    assert f"{inside}/f" in {file.path for file in manifest.files}
    restore(manifest, sink.read, tmp_path / "target", lambda _: None, directory=tmp_path / ".grid")
    assert (tmp_path / "target" / inside / "f").read_text() == "2\n"


@pytest.mark.parametrize("levels", [600, 1200])
def test_folders_that_nest_deeper_are_refused_by_their_length(deep: Path, levels: int) -> None:
    deep.mkdir()
    (deep / "a.csv").write_text("1\n")
    _make_deep(deep, "/".join(["d"] * levels))
    with pytest.raises(InvalidInput, match=r"source/d/d/d.*it has 1,02[56] bytes\. At most 1,024 are allowed\."):
        scan(str(deep))


@pytest.mark.parametrize("make", [os.symlink, os.link], ids=["symbolic", "hard"])
def test_a_file_named_by_a_link_keeps_the_name_that_was_typed(tmp_path: Path, make: Callable[..., None]) -> None:
    """As git-annex and the cache of Hugging Face give names to contents."""
    content = tmp_path / "SHA256E-s4--9f86d08.csv"
    content.write_text("1,2\n")
    (tmp_path / "named").mkdir()
    make(content, tmp_path / "named" / "penguins.csv")
    data = scan(str(tmp_path / "named" / "penguins.csv"))
    assert [file.path for file in data.files] == ["penguins.csv"]
    assert data.source.location == str(tmp_path / "named" / "penguins.csv")
    assert b"".join(data.files[0].chunks()) == b"1,2\n"


def _make_deep(folder: Path, path: str) -> None:
    """Folders in folders, step by step: the whole path may be longer than a call takes."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        for part in path.split("/"):
            Path(part).mkdir()
            os.chdir(part)
    finally:
        os.chdir(before)
