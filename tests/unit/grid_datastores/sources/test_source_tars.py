"""A tar.gz gives its files byte for byte, or is refused with one sentence."""

import gzip
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from source_archives import FILES, read_archive, tar_entry, tar_gz_of

from grid_datastores.domain.errors import NoSpace, SourceFailed
from grid_datastores.sources.archive import open_archive
from grid_datastores.sources.limits import FetchLimits


def raw_tar(entries: dict[str, bytes], kind: int = tarfile.GNU_FORMAT) -> bytes:
    """A plain tar, to be damaged and gzipped by hand."""
    return gzip.decompress(tar_gz_of(entries, kind))


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_tar_gz_gives_all_its_files(tmp_path: Path, kind: int | bytes) -> None:
    assert read_archive(tar_gz_of(FILES, kind), tmp_path) == FILES


@pytest.mark.parametrize(
    "options", [["--format=gnu"], ["--format=pax"], ["--format=ustar"], ["--format=posix", "--xattrs"]]
)
@pytest.mark.parametrize("what", [".", "penguins.csv images __MACOSX"])
def test_what_the_tar_program_makes_of_a_folder_is_read(tmp_path: Path, options: list[str], what: str) -> None:
    folder = tmp_path / "in"
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    subprocess.run(["tar", "czf", "../a.tgz", *options, *what.split()], cwd=folder, check=True)
    assert read_archive((tmp_path / "a.tgz").read_bytes(), tmp_path) == FILES


@pytest.mark.parametrize("version", ["0.0", "0.1", "1.0", "gnu"])
def test_a_sparse_file_is_read_with_its_holes(tmp_path: Path, version: str) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        for offset in (0, 1_000_000, 5_000_000):
            file.seek(offset)
            file.write(b"data" * 1024)
        file.truncate(7_000_000)
    (tmp_path / "after").write_bytes(b"1")
    options = ["--format=gnu"] if version == "gnu" else ["--format=posix", f"--sparse-version={version}"]
    subprocess.run(["tar", "czSf", "a.tgz", *options, "sparse", "after"], cwd=tmp_path, check=True)
    assert len(gzip.decompress((tmp_path / "a.tgz").read_bytes())) < 1_000_000
    wanted = {"sparse": (tmp_path / "sparse").read_bytes(), "after": b"1"}
    assert read_archive((tmp_path / "a.tgz").read_bytes(), tmp_path) == wanted


def test_a_hole_counts_as_the_bytes_that_it_reads_as(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**7)
    subprocess.run(["tar", "czSf", "a.tgz", "sparse"], cwd=tmp_path, check=True)
    with pytest.raises(SourceFailed, match=r"more than the allowed 9\.537 MiB"):
        read_archive((tmp_path / "a.tgz").read_bytes(), tmp_path, FetchLimits(total_bytes=10**7 - 1))


def test_a_gzip_of_several_members_is_read_to_its_end(tmp_path: Path) -> None:
    data = raw_tar({"a": b"1" * 5000, "b": b"2"})
    assert read_archive(gzip.compress(data[:1000]) + gzip.compress(data[1000:]), tmp_path) == {
        "a": b"1" * 5000,
        "b": b"2",
    }


def test_a_tar_without_the_zeros_at_its_end_is_read(tmp_path: Path) -> None:
    data = raw_tar({"a": b"1" * 512})[:1024]
    assert read_archive(gzip.compress(data), tmp_path) == {"a": b"1" * 512}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/passwd", "an absolute path"),
        ("//etc/passwd", "an absolute path"),
        ("C:/Windows/x", "an absolute path"),
        ("../x", "leads outside it"),
        ("a/../../x", "leads outside it"),
        ("..", "leads outside it"),
        ("a\\x", "not a valid path"),
        ("a\tb", "not a valid path"),
        (".", "not the name of a file"),
        ("x" * 2000, "not a valid path"),
        ("caf\udce9", "not valid UTF-8"),
    ],
)
@pytest.mark.proves("archive-paths-stay-inside")
def test_a_path_that_is_not_inside_is_refused(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(SourceFailed, match=why):
        read_archive(tar_gz_of({"ok": b"1", name: b"2"}, tarfile.GNU_FORMAT), tmp_path)


@pytest.mark.parametrize("name", ["..", "../a", "/a", "//a", "a/../b"])
@pytest.mark.proves("archive-paths-stay-inside")
def test_a_folder_that_is_not_inside_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceFailed, match=r"an absolute path|leads outside it"):
        read_archive(tar_gz_of([("ok", b"1"), (tar_entry(name, tarfile.DIRTYPE), b"")], tarfile.GNU_FORMAT), tmp_path)


@pytest.mark.parametrize("name", ["a/b", "./a/b", "a//b", "a/./b"])
@pytest.mark.proves("archive-paths-are-unique")
def test_the_same_file_twice_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceFailed, match="'a/b' twice"):
        read_archive(tar_gz_of([("a/b", b"1"), ("c", b"2"), (name, b"3")]), tmp_path)


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("a/b/c/d", "a/b")])
@pytest.mark.proves("archive-paths-are-unique")
def test_a_file_that_is_a_folder_too_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(SourceFailed, match="as a file and as a folder"):
        read_archive(tar_gz_of([(name, b"") for name in names]), tmp_path)


def test_a_folder_told_after_its_files_is_no_conflict(tmp_path: Path) -> None:
    entries = [("a/b", b"1"), (tar_entry("a", tarfile.DIRTYPE), b""), (tar_entry("a", tarfile.DIRTYPE), b"")]
    assert read_archive(tar_gz_of(entries), tmp_path) == {"a/b": b"1"}


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.SYMTYPE, "a symbolic link, 'odd'"),
        (tarfile.LNKTYPE, "a hard link, 'odd', to '/etc/passwd', which is not an earlier file of the archive"),
        (tarfile.CHRTYPE, "'odd', which is neither a file nor a folder"),
        (tarfile.BLKTYPE, "'odd', which is neither a file nor a folder"),
        (tarfile.FIFOTYPE, "'odd', which is neither a file nor a folder"),
        (b"Z", "'odd', which is neither a file nor a folder"),
    ],
)
@pytest.mark.proves("archive-with-links-or-devices-refused")
def test_what_is_no_file_is_refused(tmp_path: Path, kind: int | bytes, what: str) -> None:
    with pytest.raises(SourceFailed, match=what):
        read_archive(tar_gz_of([("ok", b"1"), (tar_entry("odd", kind, "/etc/passwd"), b"")]), tmp_path)


@pytest.mark.parametrize("format", ["gnu", "pax", "ustar"])
def test_a_hard_link_is_a_file_with_the_content_of_its_target(tmp_path: Path, format: str) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "a").write_bytes(b"content" * 1000)
    (folder / "deep" / "b").hardlink_to(folder / "a")
    (folder / "z").hardlink_to(folder / "a")
    subprocess.run(["tar", "czf", "../a.tgz", f"--format={format}", "--sort=name", "."], cwd=folder, check=True)
    names = subprocess.run(["tar", "tvzf", "a.tgz"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert names.count("link to") == 2
    content = b"content" * 1000
    assert read_archive((tmp_path / "a.tgz").read_bytes(), tmp_path) == {"a": content, "deep/b": content, "z": content}


def test_a_hard_link_to_a_sparse_file_has_its_holes(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.seek(1_000_000)
        file.write(b"data")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    subprocess.run(["tar", "czSf", "a.tgz", "a", "b"], cwd=tmp_path, check=True)
    content = (tmp_path / "a").read_bytes()
    assert read_archive((tmp_path / "a.tgz").read_bytes(), tmp_path) == {"a": content, "b": content}


def test_a_hard_link_to_a_hard_link_is_a_file_too(tmp_path: Path) -> None:
    links = [(tar_entry("b", tarfile.LNKTYPE, "./a"), b""), (tar_entry("c", tarfile.LNKTYPE, "b"), b"")]
    data = tar_gz_of([("a", b"1"), *links])
    assert read_archive(data, tmp_path) == {"a": b"1", "b": b"1", "c": b"1"}


@pytest.mark.parametrize("target", ["later", "link", "gone", "/a", "../a", "folder", "", "folder/../a"])
def test_a_hard_link_to_something_else_is_refused(tmp_path: Path, target: str) -> None:
    link = tar_entry("link", tarfile.LNKTYPE, target)
    data = tar_gz_of([("a", b"1"), (tar_entry("folder", tarfile.DIRTYPE), b""), (link, b""), ("later", b"2")])
    with pytest.raises(SourceFailed, match=f"a hard link, 'link', to '{target}', which is not an earlier file"):
        read_archive(data, tmp_path)


@pytest.mark.parametrize("name", ["../b", "/b", "a"])
def test_the_name_of_a_hard_link_is_judged_as_any_other(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceFailed, match=r"leads outside it|an absolute path|'a' twice"):
        read_archive(tar_gz_of([("a", b"1"), (tar_entry(name, tarfile.LNKTYPE, "a"), b"")]), tmp_path)


def test_a_hard_link_counts_as_the_bytes_and_the_file_that_it_becomes(tmp_path: Path) -> None:
    links = [(tar_entry(f"link{n}", tarfile.LNKTYPE, "a"), b"") for n in range(9)]
    data = tar_gz_of([("a", b"1" * 50_000), *links])
    assert len(read_archive(data, tmp_path, FetchLimits(files=10, total_bytes=500_000))) == 10
    with pytest.raises(SourceFailed, match="more than the allowed 9 files"):
        read_archive(data, tmp_path, FetchLimits(files=9))
    with pytest.raises(SourceFailed, match=r"allowed [\d,]+ bytes"):
        read_archive(data, tmp_path, FetchLimits(total_bytes=499_999))


@pytest.mark.parametrize("keep", [-1, -9, 40, 12, 2])
@pytest.mark.proves("damaged-archive-refused")
def test_a_tar_gz_that_is_cut_short_is_refused(tmp_path: Path, keep: int) -> None:
    with pytest.raises(SourceFailed, match="truncated or damaged"):
        read_archive(tar_gz_of(FILES)[:keep], tmp_path)


@pytest.mark.proves("damaged-archive-refused")
def test_a_wrong_checksum_is_noticed(tmp_path: Path) -> None:
    data = bytearray(tar_gz_of(FILES))
    data[-6] ^= 1
    with pytest.raises(SourceFailed, match="truncated or damaged"):
        read_archive(bytes(data), tmp_path)


def test_a_tar_that_ends_within_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match="valid tar"):
        read_archive(gzip.compress(raw_tar({"a": b"1", "b": b"2" * 5000})[:3000]), tmp_path)


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    data = bytearray(raw_tar({"a": b"1", "b": b"2", "c": b"3"}))
    data[1024 + 150] ^= 1  # in the checksum of the header of b
    with pytest.raises(SourceFailed, match="valid tar"):
        read_archive(gzip.compress(bytes(data)), tmp_path)


def test_files_after_the_end_are_not_lost_in_silence(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match="valid tar"):
        read_archive(gzip.compress(raw_tar({"a": b"1"}) + raw_tar({"b": b"2"})), tmp_path)


@pytest.mark.parametrize("content", [b"just text", b"x" * 5000, os.urandom(2048)])
def test_a_gzip_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SourceFailed, match="valid tar"):
        read_archive(gzip.compress(content), tmp_path)


@pytest.mark.parametrize("content", [b"", bytes(10240)])
@pytest.mark.proves("empty-archive-refused")
def test_a_tar_gz_without_a_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SourceFailed, match=r"contains no file|valid tar"):
        read_archive(gzip.compress(content), tmp_path)
    with pytest.raises(SourceFailed, match="contains no file"):
        read_archive(tar_gz_of([(tar_entry("folder", tarfile.DIRTYPE), b"")]), tmp_path)


@pytest.mark.parametrize("size", ["-512", "-1536", "-99999999"])
def test_a_size_below_zero_is_refused_and_not_followed_for_ever(tmp_path: Path, size: str) -> None:
    info = tarfile.TarInfo("a")
    info.pax_headers = {"size": size}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("first"))
        archive.addfile(info)
    with pytest.raises(SourceFailed, match="valid tar"):
        read_archive(gzip.compress(buffer.getvalue()), tmp_path)


def header_of(kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo("long")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_that_would_fill_the_memory_is_refused(tmp_path: Path, kind: int | bytes) -> None:
    size = 1024 * 1024
    with pytest.raises(SourceFailed, match="valid tar"):
        read_archive(gzip.compress(header_of(kind, size) + bytes(size) + raw_tar({"a": b"1"})), tmp_path)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_of_a_size_below_zero_is_refused(tmp_path: Path, kind: int | bytes) -> None:
    with pytest.raises(SourceFailed, match="valid tar"):
        read_archive(gzip.compress(header_of(kind, -512) + raw_tar({"a": b"1"})), tmp_path)


@pytest.mark.parametrize("size", [0, 2])
def test_headers_without_end_are_refused(tmp_path: Path, size: int) -> None:
    long_name = header_of(tarfile.GNUTYPE_LONGNAME, size) + b"a\0".ljust(512, b"\0") * bool(size)
    with pytest.raises(SourceFailed, match="valid tar"):
        read_archive(gzip.compress(long_name * 5000 + raw_tar({"a": b"1"})), tmp_path)


def test_headers_of_many_files_are_read(tmp_path: Path) -> None:
    files = {str(n): b"" for n in range(600)}
    assert read_archive(tar_gz_of(files), tmp_path) == files


def test_headers_for_all_files_that_pile_up_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    headers = {f"key{n}": "value" for n in range(101)}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers=headers) as archive:
        archive.addfile(tarfile.TarInfo("a"))
    with pytest.raises(SourceFailed, match="valid tar"):
        read_archive(gzip.compress(buffer.getvalue()), tmp_path)


def test_a_sparse_file_that_leads_back_is_refused(tmp_path: Path) -> None:
    two_files = raw_tar({"a": b"1", "b": b"2"})[:2048]
    with pytest.raises(SourceFailed, match="valid tar"):
        read_archive(gzip.compress(two_files + header_of(tarfile.GNUTYPE_SPARSE, -1536) + bytes(1024)), tmp_path)


def test_a_sparse_file_that_tells_more_bytes_than_there_are_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a")
    info.pax_headers = {"GNU.sparse.map": "0,99999", "GNU.sparse.size": "99999"}
    with pytest.raises(SourceFailed, match="truncated: 'a' is incomplete"):
        read_archive(tar_gz_of([(info, b"xx")], tarfile.PAX_FORMAT), tmp_path)


def test_a_sparse_file_in_too_many_pieces_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a")
    pieces = ",".join(f"{2 * n},1" for n in range(20))
    info.pax_headers = {
        "GNU.sparse.map": pieces,
        "GNU.sparse.size": "100",
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
    }
    data = tar_gz_of([(info, b"x" * 20)], tarfile.PAX_FORMAT)
    assert read_archive(data, tmp_path) == {"a": b"x\0" * 20 + bytes(60)}
    with pytest.raises(SourceFailed, match="more than the allowed 19 files"):
        read_archive(data, tmp_path, FetchLimits(files=19))


@pytest.mark.parametrize("pieces", ["5,1,2,1", "0,-1", "0,2,1,2", "99,2", "-3,2", "x,y"])
def test_a_sparse_file_whose_pieces_are_not_in_order_is_refused(tmp_path: Path, pieces: str) -> None:
    info = tarfile.TarInfo("a")
    info.pax_headers = {
        "GNU.sparse.map": pieces,
        "GNU.sparse.size": "100",
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
    }
    with pytest.raises(SourceFailed, match="valid tar"):
        read_archive(tar_gz_of([(info, b"xx")], tarfile.PAX_FORMAT), tmp_path)


@pytest.mark.proves("most-files-and-bytes-of-an-archive")
def test_a_tar_gz_of_too_many_bytes_is_refused_and_one_of_just_enough_is_not(tmp_path: Path) -> None:
    data = tar_gz_of({"a": b"1" * 50_000})
    unpacked = len(gzip.decompress(data))
    assert read_archive(data, tmp_path, FetchLimits(total_bytes=unpacked))
    with pytest.raises(SourceFailed, match=r"allowed [\d,]+ bytes"):
        read_archive(data, tmp_path, FetchLimits(total_bytes=unpacked - 1))


@pytest.mark.proves("most-files-and-bytes-of-an-archive")
@pytest.mark.parametrize("folders", [0, 4])
def test_a_tar_gz_of_too_many_files_is_refused_and_one_of_just_enough_is_not(tmp_path: Path, folders: int) -> None:
    entries = [(tar_entry(f"folder{n}", tarfile.DIRTYPE), b"") for n in range(folders)]
    data = tar_gz_of(entries + [(str(n), b"") for n in range(10 - folders)])
    assert len(read_archive(data, tmp_path, FetchLimits(files=10))) == 10 - folders
    with pytest.raises(SourceFailed, match="more than the allowed 9 files"):
        read_archive(data, tmp_path, FetchLimits(files=9))


def test_a_gzip_bomb_is_refused_while_it_unpacks(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(30 * 1024 * 1024)) + b"damaged behind what is read"
    with pytest.raises(SourceFailed, match="unpacks to more than 10 MiB and to more than 1,000 times its own size"):
        read_archive(bomb, tmp_path, FetchLimits(ratio_from=10 * 1024**2))


def test_a_sparse_file_without_data_is_zeros(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(30_000_000)
    subprocess.run(["tar", "czSf", "a.tgz", "sparse"], cwd=tmp_path, check=True)
    assert read_archive((tmp_path / "a.tgz").read_bytes(), tmp_path) == {"sparse": bytes(30_000_000)}


@pytest.mark.proves("archive-bombs-refused")
def test_a_sparse_file_that_would_fill_the_disk_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10 * 1024**3 + 1)
    subprocess.run(["tar", "czSf", "a.tgz", "sparse"], cwd=tmp_path, check=True)
    with pytest.raises(SourceFailed, match="unpacks to more than 10 GiB and to more than 1,000 times its own size"):
        read_archive((tmp_path / "a.tgz").read_bytes(), tmp_path)


def test_a_full_disk_is_told_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(dir: Path) -> io.FileIO:
        return Path("/dev/full").open("r+b", 0)

    monkeypatch.setattr("grid_datastores.system.files.tempfile.TemporaryFile", full)
    data = tar_gz_of(FILES)
    with (
        pytest.raises(NoSpace, match="The disk for fetched data is full"),
        open_archive(io.BytesIO(data), len(data), tmp_path, FetchLimits()),
    ):
        pass


def test_nothing_is_left_in_the_scratch_folder(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    read_archive(tar_gz_of(FILES), scratch)
    with pytest.raises(SourceFailed):
        read_archive(tar_gz_of(FILES)[:-9], scratch)
    assert list(scratch.iterdir()) == []
