"""An archive's executable files, times and empty folders are kept (rule version-complete)."""

import gzip
import io
import os
import stat
import struct
import subprocess
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from source_archives import tar_entry, tar_gz_of, unpacked, zip_entry, zip_of, zip_of_raw_names

from grid_datastores.domain.errors import SourceFailed

SECOND = 10**9
DAY = 1_700_000_000  # 2023-11-14 22:13:20 UTC, in seconds since the epoch
NO_TIME = (1980, 1, 1, 0, 0, 0)


def tar_with(**attributes: object) -> bytes:
    info = tarfile.TarInfo("a")
    for name, value in attributes.items():
        setattr(info, name, value)
    return tar_gz_of([(info, b"1")], tarfile.PAX_FORMAT)


def zip_with(extra: bytes = b"", date: tuple[int, ...] = NO_TIME) -> bytes:
    entry = zipfile.ZipInfo("a", NO_TIME)
    entry.extra = extra
    data = zip_of([(entry, b"1")])
    year, month, day, hour, minute, second = date
    dos = struct.pack("<HH", hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day)
    return data.replace(struct.pack("<HH", 0, 1 << 5 | 1), dos)


def field(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def unix_time(seconds: int, flags: int = 1) -> bytes:
    return field(0x5455, struct.pack("<Bl", flags, seconds))


def ntfs_time(steps: int) -> bytes:
    return field(0x000A, bytes(4) + field(1, struct.pack("<QQQ", steps, 0, 0)))


def time_of(data: bytes, tmp_path: Path) -> int | None:
    (file,) = unpacked(data, tmp_path).files
    return file.modified


@pytest.mark.parametrize("format", ["gnu", "pax", "ustar"])
def test_what_the_tar_program_makes_of_a_folder_keeps_all_three(tmp_path: Path, format: str) -> None:
    folder = tmp_path / "in"
    for name in ("empty", "full", "deep/er/empty"):
        (folder / name).mkdir(parents=True)
    (folder / "full" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "full" / "run.sh").chmod(0o750)
    (folder / "full" / "text").write_text("")
    (folder / "full" / "text").chmod(0o640)
    os.utime(folder / "full" / "run.sh", ns=(0, DAY * SECOND + 123_456_789))
    os.utime(folder / "full" / "text", ns=(0, DAY * SECOND))
    subprocess.run(["tar", "czf", "../a.tgz", f"--format={format}", "."], cwd=folder, check=True)
    found = unpacked((tmp_path / "a.tgz").read_bytes(), tmp_path)
    exact = DAY * SECOND + (123_456_789 if format == "pax" else 0)
    assert sorted((file.path, file.executable, file.modified) for file in found.files) == [
        ("full/run.sh", True, exact),
        ("full/text", False, DAY * SECOND),
    ]
    assert found.folders == ["deep/er/empty", "empty"]


def test_a_hard_link_has_the_attributes_of_its_target(tmp_path: Path) -> None:
    first, link = tarfile.TarInfo("a"), tar_entry("b", tarfile.LNKTYPE, "a")
    first.mode, first.mtime = 0o755, DAY
    link.mode, link.mtime = 0o644, 1
    found = unpacked(tar_gz_of([(first, b"1"), (link, b"")]), tmp_path).files
    assert [(file.path, file.executable, file.modified) for file in found] == [
        ("a", True, DAY * SECOND),
        ("b", True, DAY * SECOND),
    ]


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("1700000000.123456789", DAY * SECOND + 123_456_789),
        ("1700000000.1234567891", DAY * SECOND + 123_456_789),
        ("1700000000", DAY * SECOND),
        ("0", 0),
        ("-1", None),
        ("-0.5", None),
        ("9223372036", 9223372036 * SECOND),
        ("9223372037", None),
        ("99999999999999999999", None),
        ("1e400", None),
        ("1e999999", None),
        ("nan", None),
        ("inf", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_time_of_a_tar_is_exact_or_none(tmp_path: Path, told: str, kept: int | None) -> None:
    assert time_of(tar_with(pax_headers={"mtime": told}), tmp_path) == kept


@pytest.mark.parametrize(("told", "kept"), [(DAY, DAY * SECOND), (-5, None), (2**40, None), (2**60, None)])
def test_a_time_of_an_older_tar_is_exact_or_none(tmp_path: Path, told: int, kept: int | None) -> None:
    info = tarfile.TarInfo("a")
    info.mtime = told
    assert time_of(tar_gz_of([(info, b"1")], tarfile.GNU_FORMAT), tmp_path) == kept


@pytest.mark.parametrize("mode", [0o755, 0o100, 0o010, 0o001, 0o644, 0o666, 0o4644, 0])
def test_a_file_of_a_tar_is_executable_if_anybody_may_run_it(tmp_path: Path, mode: int) -> None:
    (file,) = unpacked(tar_with(mode=mode), tmp_path).files
    assert file.executable is bool(mode & 0o111)


@pytest.mark.parametrize(
    ("mode", "system", "executable"),
    [
        (stat.S_IFREG | 0o755, 3, True),
        (stat.S_IFREG | 0o710, 19, True),
        (0o755, 3, True),
        (stat.S_IFREG | 0o644, 3, False),
        (stat.S_IFREG | 0o755, 0, False),  # DOS has no such bit
        (0o755, 10, False),
    ],
)
def test_a_file_of_a_zip_from_unix_is_executable_if_anybody_may_run_it(
    tmp_path: Path, mode: int, system: int, executable: bool
) -> None:
    (file,) = unpacked(zip_of([(zip_entry("run.sh", mode, system), b"1")]), tmp_path).files
    assert file.executable is executable


@pytest.mark.proves("zip-times-without-zone-are-utc")
@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (zip_with(unix_time(DAY)), DAY * SECOND),
        (zip_with(unix_time(DAY), (2001, 1, 1, 0, 0, 0)), DAY * SECOND),
        (zip_with(ntfs_time((11_644_473_600 + DAY) * 10**7 + 5)), DAY * SECOND + 500),
        (zip_with(unix_time(0)), 0),
        (zip_with(date=(2023, 11, 14, 22, 13, 20)), DAY * SECOND),
        (zip_with(), None),  # the lowest DOS time stands for none
        (zip_with(date=(1980, 1, 1, 0, 0, 2)), 315_532_802 * SECOND),
        (zip_with(date=(2023, 0, 1, 0, 0, 0)), None),
        (zip_with(date=(2023, 2, 31, 0, 0, 0)), None),
        (zip_with(date=(2023, 1, 1, 31, 0, 0)), None),
        (zip_with(date=(2107, 12, 31, 23, 59, 58)), 4_354_819_198 * SECOND),
        (zip_with(unix_time(-1)), None),
        (zip_with(unix_time(DAY, flags=2)), None),  # a time of access only
        (zip_with(field(0x5455, b"\1\0")), None),
        (zip_with(field(0x5455, b"")), None),
        (zip_with(ntfs_time(0)), None),
        (zip_with(ntfs_time(2**64 - 1)), None),
        (zip_with(field(0x000A, b"\0\0\0\0\1\0")), None),
        (zip_with(field(0xCAFE, b"other") + unix_time(DAY)), DAY * SECOND),
        (zip_with(unix_time(-1), (2023, 11, 14, 22, 13, 20)), DAY * SECOND),
    ],
)
def test_a_time_of_a_zip_is_the_most_exact_that_it_has_or_none(tmp_path: Path, data: bytes, kept: int | None) -> None:
    assert time_of(data, tmp_path) == kept


@pytest.mark.proves("zip-times-without-zone-are-utc")
def test_a_time_of_a_zip_does_not_depend_on_the_zone_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = zip_with(date=(2023, 11, 14, 22, 13, 20))
    try:
        with monkeypatch.context() as patch:
            patch.setenv("TZ", "XYZ-9")  # nine hours before UTC
            time.tzset()
            assert time_of(data, tmp_path) == DAY * SECOND
    finally:
        time.tzset()


def test_what_the_zip_program_made_of_files_has_their_times(tmp_path: Path) -> None:
    data = (Path(__file__).parent / "archives" / "zip-program-utf-8.zip").read_bytes()
    found = {file.path: file for file in unpacked(data, tmp_path).files}
    with zipfile.ZipFile(io.BytesIO(data), metadata_encoding="utf-8") as archive:
        for info in archive.infolist():
            if not info.is_dir():
                seconds = struct.unpack("<l", info.extra[info.extra.index(b"UT") + 5 :][:4])[0]
                assert found[info.filename].modified == seconds * SECOND


@pytest.mark.parametrize("of", [zip_of, tar_gz_of])
def test_only_folders_with_nothing_in_them_are_empty(tmp_path: Path, of: object) -> None:
    names = ["./", "a/", "a/b/", "a/b/file", "c/", "d/e/", "./d/e/", "d/", "f/g", "./h//i/"]
    entries = [
        (tar_entry(name, tarfile.DIRTYPE) if of is tar_gz_of and name.endswith("/") else name, b"") for name in names
    ]
    assert unpacked(of(entries), tmp_path).folders == ["c", "d/e", "h/i"]


@pytest.mark.parametrize("of", [zip_of, tar_gz_of])
@pytest.mark.parametrize("name", ["\u0439" * 133, "x" * 256, f"folder/{'x' * 256}/file", "/".join(["x" * 200] * 6)])
def test_what_no_ordinary_disk_takes_is_refused_by_name(tmp_path: Path, of: object, name: str) -> None:
    with pytest.raises(SourceFailed, match=r"not a valid path\. '.{60}\u2026' is too long for a (name|path)"):
        unpacked(of({"ok": b"1", name: b"2"}), tmp_path)


@pytest.mark.parametrize("of", [zip_of, tar_gz_of])
def test_an_empty_folder_that_no_ordinary_disk_takes_is_refused_by_name(tmp_path: Path, of: object) -> None:
    name = "\u0439" * 133 + "/"
    entry = tar_entry(name, tarfile.DIRTYPE) if of is tar_gz_of else name
    with pytest.raises(SourceFailed, match="too long for a name: it has 266 bytes"):
        unpacked(of([("ok", b"1"), (entry, b"")]), tmp_path)


def test_a_name_counts_as_it_is_read_and_not_as_it_is_packed(tmp_path: Path) -> None:
    short = ("\u0439" * 127 + ".csv").encode("cp1251")  # 131 bytes there, 258 in UTF-8
    with pytest.raises(SourceFailed, match="it has 258 bytes"):
        unpacked(zip_of_raw_names([short]), tmp_path)


@pytest.mark.parametrize("of", [zip_of, tar_gz_of])
def test_a_name_that_a_disk_just_takes_is_kept(tmp_path: Path, of: object) -> None:
    name = "\u0439" * 127 + "/" + "x" * 255
    assert [file.path for file in unpacked(of({name: b"1"}), tmp_path).files] == [name]


def test_a_global_time_of_a_tar_is_that_of_its_files(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"mtime": "1700000000.5"}) as to:
        to.addfile(tarfile.TarInfo("a"))
    assert time_of(gzip.compress(buffer.getvalue()), tmp_path) == DAY * SECOND + 500_000_000
