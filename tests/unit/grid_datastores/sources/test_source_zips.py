"""A zip gives its files byte for byte, or is refused with one sentence."""

import stat
import struct
import warnings
import zipfile
from pathlib import Path

import pytest
from source_archives import FILES, read_archive, zip_entry, zip_of

from grid_datastores.domain.errors import SourceFailed
from grid_datastores.sources.limits import FetchLimits


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_gives_all_its_files(tmp_path: Path, method: int) -> None:
    assert read_archive(zip_of(FILES, method), tmp_path) == FILES


# Made by Info-ZIP's zip 3.0, which not every machine has: of FILES in two locales (zip -qr), to a pipe (zip -q - a),
# and with a password (zip -q -P hunter2).
PROGRAM = Path(__file__).parent / "archives"


@pytest.mark.parametrize("locale", ["c", "utf-8"])
def test_what_the_zip_program_makes_of_a_folder_is_read(tmp_path: Path, locale: str) -> None:
    assert read_archive((PROGRAM / f"zip-program-{locale}.zip").read_bytes(), tmp_path) == FILES


def test_a_zip_written_as_a_stream_is_read(tmp_path: Path) -> None:
    piped = (PROGRAM / "zip-program-stream.zip").read_bytes()
    assert read_archive(piped, tmp_path) == {"a": b"sizes come after the content " * 99}


def test_a_zip64_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, archive.open("big", "w", force_zip64=True) as file:
        file.write(b"64")
    assert read_archive(path.read_bytes(), tmp_path) == {"big": b"64"}


def test_a_zip_with_a_comment_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"1")
        archive.comment = b"made by hand"
    assert read_archive(path.read_bytes(), tmp_path) == {"a": b"1"}


@pytest.mark.proves("zip-names-utf8-or-cp437")
def test_names_in_utf8_are_read_where_the_zip_does_not_say_so(tmp_path: Path) -> None:
    data = zip_of({"p\u00e9.txt": b"1"})
    assert read_archive(data.replace(b"\x00\x08", b"\x00\x00"), tmp_path) == {"p\u00e9.txt": b"1"}


@pytest.mark.proves("zip-names-utf8-or-cp437")
def test_names_that_are_not_utf8_are_code_page_437(tmp_path: Path) -> None:
    data = zip_of({"pXX.txt": b"1"}).replace(b"pXX.txt", b"p\x82\x82.txt")
    assert read_archive(data, tmp_path) == {"p\u00e9\u00e9.txt": b"1"}


def test_folders_of_a_zip_are_no_files(tmp_path: Path) -> None:
    assert read_archive(zip_of([("./", b""), ("a/", b""), ("a/b", b"1"), ("empty/", b"")]), tmp_path) == {"a/b": b"1"}


def test_a_leading_dot_is_no_part_of_a_path(tmp_path: Path) -> None:
    assert read_archive(zip_of({"./a/./b": b"1"}), tmp_path) == {"a/b": b"1"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/passwd", "an absolute path"),
        ("C:/Windows/x", "an absolute path"),
        ("C:\\Windows\\x", "an absolute path"),
        ("\\\\host\\x", "an absolute path"),
        ("../x", "leads outside it"),
        ("a/../../x", "leads outside it"),
        ("a/..", "leads outside it"),
        ("a\\..\\x", "not a valid path"),
        ("a\nb", "not a valid path"),
        ("x" * 2000, "not a valid path"),
    ],
)
@pytest.mark.proves("archive-paths-stay-inside")
def test_a_path_that_is_not_inside_is_refused(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(SourceFailed, match=why):
        read_archive(zip_of({"ok": b"1", name: b"2"}), tmp_path)


def test_a_name_cut_by_a_zero_byte_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match="not a valid path"):
        read_archive(zip_of({"a.csvXtxt": b"1"}).replace(b"a.csvXtxt", b"a.csv\0txt"), tmp_path)


@pytest.mark.parametrize("name", ["a/b", "./a/b", "a//b", "a/./b"])
@pytest.mark.proves("archive-paths-are-unique")
def test_the_same_file_twice_is_refused(tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = zip_of([("a/b", b"1"), ("c", b"2"), (name, b"3")])
    with pytest.raises(SourceFailed, match="'a/b' twice"):
        read_archive(data, tmp_path)


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("a", "a/"), ("a/", "a"), ("x/a/b/c", "x/a")])
@pytest.mark.proves("archive-paths-are-unique")
def test_a_file_that_is_a_folder_too_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(SourceFailed, match="as a file and as a folder"):
        read_archive(zip_of([(name, b"") for name in names]), tmp_path)


def test_a_folder_with_content_is_refused(tmp_path: Path) -> None:
    data = zip_of({"aX": b"content", "b": b"1"}).replace(b"aX", b"a/")
    with pytest.raises(SourceFailed, match="as a file and as a folder"):
        read_archive(data, tmp_path)


@pytest.mark.parametrize("create_system", [3, 0])
@pytest.mark.proves("archive-with-links-or-devices-refused")
def test_a_symbolic_link_in_a_zip_is_refused(tmp_path: Path, create_system: int) -> None:
    link = zip_entry("link", stat.S_IFLNK | 0o777, create_system)
    with pytest.raises(SourceFailed, match="symbolic link, 'link'"):
        read_archive(zip_of([("ok", b"1"), (link, b"/etc/passwd")]), tmp_path)


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
@pytest.mark.proves("archive-with-links-or-devices-refused")
def test_a_device_or_pipe_in_a_zip_is_refused(tmp_path: Path, kind: int | bytes) -> None:
    with pytest.raises(SourceFailed, match="'odd', which is neither a file nor a folder"):
        read_archive(zip_of([(zip_entry("odd", kind | 0o644), b"")]), tmp_path)


@pytest.mark.proves("zip-encryption-and-methods-refused")
def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match=r"The zip is encrypted \('a'\)"):
        read_archive((PROGRAM / "zip-program-encrypted.zip").read_bytes(), tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.proves("zip-encryption-and-methods-refused")
def test_a_method_that_unpacks_without_bounds_is_refused(tmp_path: Path, method: int) -> None:
    with pytest.raises(SourceFailed, match="Use deflate, the default"):
        read_archive(zip_of({"a": b"1" * 99}, method), tmp_path)


@pytest.mark.proves("damaged-archive-refused")
def test_a_wrong_checksum_is_noticed(tmp_path: Path) -> None:
    data = zip_of({"a": b"right content"}, zipfile.ZIP_STORED).replace(b"right", b"wrong")
    with pytest.raises(SourceFailed, match="'a' does not match its table of contents"):
        read_archive(data, tmp_path)


def test_damaged_packed_bytes_are_noticed(tmp_path: Path) -> None:
    data = bytearray(zip_of({"a": b"abcdefgh" * 1000}))
    data[35:40] = b"\xff" * 5
    with pytest.raises(SourceFailed, match="'a' does not match its table of contents"):
        read_archive(bytes(data), tmp_path)


@pytest.mark.parametrize("told", [1, 49_999])
def test_a_file_that_is_longer_than_its_size_is_noticed(tmp_path: Path, told: int) -> None:
    content = b"x" * 50_000
    data = zip_of({"a": content}).replace(struct.pack("<L", len(content)), struct.pack("<L", told))
    with pytest.raises(SourceFailed, match="'a' does not match its table of contents"):
        read_archive(data, tmp_path)


def test_a_file_that_ends_before_its_size_is_noticed_even_when_the_checksum_fits(tmp_path: Path) -> None:
    data = zip_of({"a": b"x" * 50_000}).replace(struct.pack("<L", 50_000), struct.pack("<L", 99_999))
    with pytest.raises(SourceFailed, match="'a' does not match its table of contents"):
        read_archive(data, tmp_path)


@pytest.mark.parametrize("keep", [3, 40, -1, -30])
@pytest.mark.proves("damaged-archive-refused")
def test_a_zip_that_is_cut_short_is_refused(tmp_path: Path, keep: int) -> None:
    with pytest.raises(SourceFailed, match=r"truncated or damaged|neither a .zip nor"):
        read_archive(zip_of(FILES)[:keep], tmp_path)


def test_files_that_share_bytes_of_the_zip_are_refused(tmp_path: Path) -> None:
    data = zip_of({"a": b"1" * 3000, "b": b"1" * 3000})
    second = data.index(b"PK\3\4", 4)
    overlapping = data.replace(struct.pack("<L", second) + b"b", struct.pack("<L", 0) + b"b")
    assert overlapping != data
    with pytest.raises(SourceFailed, match="'a' and 'b' in the same bytes"):
        read_archive(overlapping, tmp_path)


@pytest.mark.proves("most-files-and-bytes-of-an-archive")
def test_a_zip_of_too_many_bytes_is_refused_and_one_of_just_enough_is_not(tmp_path: Path) -> None:
    data = zip_of({"a": b"1" * 600, "b": b"2" * 400})
    assert read_archive(data, tmp_path, FetchLimits(total_bytes=1000))
    with pytest.raises(SourceFailed, match="more than the allowed 999 bytes"):
        read_archive(data, tmp_path, FetchLimits(total_bytes=999))


@pytest.mark.proves("most-files-and-bytes-of-an-archive")
def test_a_zip_of_too_many_files_is_refused_and_one_of_just_enough_is_not(tmp_path: Path) -> None:
    data = zip_of([(f"{n}/", b"") for n in range(5)] + [(f"f{n}", b"") for n in range(5)])
    assert len(read_archive(data, tmp_path, FetchLimits(files=10))) == 5
    with pytest.raises(SourceFailed, match="more than the allowed 9 files"):
        read_archive(data, tmp_path, FetchLimits(files=9))


def test_too_many_files_are_noticed_before_they_are_all_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile.ZipInfo, "_decodeExtra", lambda *_: pytest.fail("a file was looked at"), raising=True)
    with pytest.raises(SourceFailed, match="more than the allowed 9 files"):
        read_archive(zip_of({str(n): b"" for n in range(10)}), tmp_path, FetchLimits(files=9))


def test_a_file_that_looks_like_a_table_of_contents_is_a_file(tmp_path: Path) -> None:
    files = {"a": b"PK\1\2" * 1000, "b.zip": zip_of({str(n): b"" for n in range(20)})}
    assert read_archive(zip_of(files, zipfile.ZIP_STORED), tmp_path, FetchLimits(files=2)) == files


def test_a_table_of_contents_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grid_datastores.sources.zip_archive._MAX_DIRECTORY_BYTES", 100)
    with pytest.raises(SourceFailed, match="table of contents of the zip is too large"):
        read_archive(zip_of({f"{n:090}": b"" for n in range(10)}), tmp_path)


@pytest.mark.proves("archive-bombs-refused")
def test_a_zip_bomb_is_refused_by_its_ratio_and_a_small_one_is_let_be(tmp_path: Path) -> None:
    data = zip_of({"zeros": bytes(100_000)})
    assert read_archive(data, tmp_path, FetchLimits(ratio=100, ratio_from=100_000))
    with pytest.raises(SourceFailed, match="to more than 100 times its own size"):
        read_archive(data, tmp_path, FetchLimits(ratio=100, ratio_from=99_999))


def test_a_file_of_zeros_is_data(tmp_path: Path) -> None:
    assert read_archive(zip_of({"zeros": bytes(30_000_000)}), tmp_path) == {"zeros": bytes(30_000_000)}


@pytest.mark.proves("archive-bombs-refused")
def test_a_zip_that_claims_more_than_a_disk_takes_unnoticed_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    size = 10 * 1024**3 + 1
    data = zip_of({"zeros": bytes(1000)}).replace(struct.pack("<L", 1000), struct.pack("<L", 0xFFFFFFFF))
    directory = data.index(b"PK\1\2")
    zip64 = struct.pack("<HHQ", 1, 8, size)
    entry = bytearray(data[directory : data.index(b"PK\5\6")])
    entry[30:32] = struct.pack("<H", len(zip64))
    end = bytearray(data[data.index(b"PK\5\6") :])
    end[12:16] = struct.pack("<L", len(entry) + len(zip64))
    with pytest.raises(SourceFailed, match="unpacks to more than 10 GiB and to more than 1,000 times its own size"):
        read_archive(data[:directory] + entry + zip64 + end, tmp_path)


@pytest.mark.proves("archive-in-archive-is-a-file")
def test_a_zip_in_a_zip_is_one_file_and_not_unpacked(tmp_path: Path) -> None:
    inner = zip_of({"zeros": bytes(1_000_000)})
    assert read_archive(zip_of({f"{n}.zip": inner for n in range(16)}), tmp_path) == {
        f"{n}.zip": inner for n in range(16)
    }


@pytest.mark.proves("empty-archive-refused")
def test_a_zip_without_a_file_is_refused(tmp_path: Path) -> None:
    for data in (zip_of({}), zip_of({"folder/": b""})):
        with pytest.raises(SourceFailed, match="contains no file"):
            read_archive(data, tmp_path)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an empty file"),
        (b"\n<!DOCTYPE html><html>Sign in</html>", "a web page"),
        (b"<html>", "a web page"),
        (b"Rar!\x1a\x07\x00", "another format"),
        (b"7z\xbc\xaf\x27\x1c", "another format"),
    ],
)
def test_what_is_no_archive_is_told_for_what_it_is(tmp_path: Path, data: bytes, what: str) -> None:
    with pytest.raises(SourceFailed, match=f"neither a .zip nor a .tar.gz, but {what}"):
        read_archive(data, tmp_path)
