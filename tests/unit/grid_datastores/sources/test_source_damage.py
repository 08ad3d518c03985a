"""Odd names and damaged bytes refuse an archive with a sentence, whatever Python's readers raise because of them."""

from __future__ import annotations

import errno
import gzip
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from source_archives import FILES, read_archive, tar_entry, tar_gz_of, zip_of

from grid_datastores.domain.errors import Refusal, SourceFailed
from grid_datastores.sources.limits import FetchLimits

NAMES = ["", "/", "//", ".", "..", "./", "../", "./.", "./..", "\\", "\\\\", ".\\", "d/", "a//", "\0", "\0a", "a/\0"]


def _zip_entry(name: str) -> zipfile.ZipInfo:
    """A file in a zip with exactly this name."""
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = name
    return info


def _zipped(name: str) -> bytes:
    return zip_of([("ok", b"1"), (_zip_entry(name), b"2")])


def _tarred(name: str) -> bytes:
    return tar_gz_of([("ok", b"1"), (name, b"2")])


def _in_pax_header(name: str) -> bytes:
    """A tar whose file has this name in a header of its own, which can contain zero bytes."""
    info = tarfile.TarInfo("x")
    info.pax_headers = {"path": f"./{name}"}
    return tar_gz_of([("ok", b"1"), (info, b"2")], tarfile.PAX_FORMAT)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        *((_zipped, name) for name in NAMES),
        *((_tarred, name) for name in NAMES if "\0" not in name),  # there, it ends a name
        *((_in_pax_header, name) for name in NAMES if name not in ("d/", "a//")),  # tarfile ends them before the slash
    ],
)
@pytest.mark.proves("archive-names-are-names-of-files")
def test_a_name_of_no_file_is_refused_with_a_sentence(tmp_path: Path, make: Callable[[str], bytes], name: str) -> None:
    with pytest.raises(SourceFailed, match=r"^The archive contains .*\.$"):
        read_archive(make(name), tmp_path)


def test_an_empty_folder_of_a_tar_that_is_written_as_a_file_is_a_folder(tmp_path: Path) -> None:
    data = tar_gz_of([("d/", b""), ("d/a", b"1")])
    assert read_archive(data, tmp_path) == {"d/a": b"1"}


def test_an_empty_name_that_is_encrypted_or_of_a_link_is_refused_too(tmp_path: Path) -> None:
    link = _zip_entry("")
    link.external_attr = 0o120777 << 16
    for data in (zip_of([(link, b"x")]), tar_gz_of([(tar_entry("", tarfile.SYMTYPE, "/etc"), b"")])):
        with pytest.raises(SourceFailed):
            read_archive(data, tmp_path)


@pytest.mark.parametrize(
    "raised", [IndexError(), TypeError(), KeyError("x"), OverflowError(), OSError(errno.EINVAL, "")]
)
@pytest.mark.parametrize(
    ("reader", "method", "make"),
    [
        (zipfile.ZipFile, "__init__", lambda: zip_of(FILES)),
        (zipfile.ZipFile, "open", lambda: zip_of(FILES)),
        (zipfile.ZipExtFile, "read", lambda: zip_of(FILES)),
        (tarfile.TarFile, "__init__", lambda: tar_gz_of(FILES)),
        (tarfile.TarFile, "next", lambda: tar_gz_of(FILES)),
        (gzip.GzipFile, "read", lambda: tar_gz_of(FILES)),
    ],
)
def test_whatever_a_reader_raises_is_the_fault_of_the_archive(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reader: type,
    method: str,
    make: Callable[[], bytes],
    raised: Exception,
) -> None:
    data = make()

    def fails(*_given: object, **_named: object) -> None:
        raise raised

    monkeypatch.setattr(reader, method, fails)
    with pytest.raises(SourceFailed, match="damaged"):
        read_archive(data, tmp_path)


@pytest.mark.parametrize("archive", [zip_of(FILES), tar_gz_of(FILES)], ids=["zip", "tar.gz"])
def test_a_fetch_that_is_cancelled_is_not_the_fault_of_the_archive(tmp_path: Path, archive: bytes) -> None:
    """Also while its names are read."""

    class Cancelled(Exception):
        pass

    def cancel() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        read_archive(archive, tmp_path, FetchLimits(check_cancelled=cancel))


def test_a_disk_that_fails_is_not_the_fault_of_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = zip_of(FILES)

    def fails(*_given: object, **_named: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(zipfile.ZipFile, "__init__", fails)
    with pytest.raises(OSError, match="Input/output error"):
        read_archive(data, tmp_path)


@pytest.mark.proves("damaged-archive-refused")
@pytest.mark.parametrize("make", [lambda: zip_of(FILES), lambda: tar_gz_of(FILES)], ids=["zip", "tar.gz"])
def test_an_archive_with_changed_bytes_is_read_or_refused(tmp_path: Path, make: Callable[[], bytes]) -> None:
    whole, seeded = make(), random.Random(13)
    refused = 0
    for _ in range(100):
        data = bytearray(whole)
        for _ in range(seeded.choice((1, 2, 4))):
            at = seeded.randrange(len(data)) if seeded.random() < 0.3 else -seeded.randrange(1, min(len(data), 400))
            data[at] = seeded.choice((0, 1, 0x7F, 0x80, 0xFF, seeded.randrange(256)))
        try:
            read_archive(bytes(data), tmp_path)
        except Refusal:
            refused += 1
    assert refused > 10
