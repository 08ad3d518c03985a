"""The names in a zip are read as they were meant; where nobody can tell, that is said."""

import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from source_archives import read_archive, unpacked, zip_of, zip_of_raw_names

from grid_datastores.domain.errors import SourceFailed

WORDS = {
    "cp932": [
        "日本語.txt",
        "写真/桜.jpg",
        "データ/学習用.csv",
        "説明.txt",
    ],
    "gb18030": ["训练数据/图片.png", "说明文档.txt"],
    "big5": ["訓練資料/圖片.png", "標籤.csv"],
    "cp949": ["훈련 데이터/사진.png", "훈련 데이터/설명.txt"],
    "cp1252": ["données/température.csv", "niño.txt", "Übersicht.txt", "Straße.csv"],
    "cp850": ["informação.csv", "configurações/padrão.csv"],
    "cp1250": ["źródło/żółw.csv"],
    "cp866": [
        "данные.csv",
        "Отчёт за год.doc",
    ],
    "cp1251": [
        "данные.csv",
        "обучение/метки.csv",
    ],
    "koi8_r": [
        "данные.csv",
        "обучение/метки.csv",
    ],
    "cp1253": ["δεδομένα.csv"],
}


def zip_in(encoding: str, names: list[str]) -> bytes:
    return zip_of_raw_names([name.encode(encoding) for name in [*names, "plain.txt"]])


@pytest.mark.parametrize("encoding", WORDS)
def test_the_encoding_is_told_by_the_names_and_the_user_hears_of_it(tmp_path: Path, encoding: str) -> None:
    data = zip_in(encoding, WORDS[encoding])
    assert sorted(read_archive(data, tmp_path)) == sorted([*WORDS[encoding], "plain.txt"])
    assert f"they were read as {encoding}" in unpacked(data, tmp_path).note


def test_words_in_the_encoding_of_the_format_are_read_in_it_without_a_word(tmp_path: Path) -> None:
    names = [
        "données/température.csv",
        "Übersicht.txt",
        "Straße.csv",
        "niño.txt",
        "können",
    ]
    data = zip_in("cp437", names)
    assert sorted(read_archive(data, tmp_path)) == sorted([*names, "plain.txt"])
    assert unpacked(data, tmp_path).note == ""


def test_a_second_byte_that_looks_like_a_backslash_is_none(tmp_path: Path) -> None:
    name = "ソ表.txt"
    assert b"\\" in name.encode("cp932")
    assert list(read_archive(zip_of_raw_names([name.encode("cp932")]), tmp_path)) == [name]


@pytest.mark.parametrize("name", [b"\xb1\xb1\xb1\xb1.txt", "ｶﾀｶﾅ.txt".encode("cp932")])
def test_what_nobody_can_tell_is_in_the_encoding_of_the_format_and_the_user_hears_that_it_may_be_wrong(
    tmp_path: Path, name: bytes
) -> None:
    data = zip_of_raw_names([name])
    assert list(read_archive(data, tmp_path)) == [name.decode("cp437")]
    assert "they were read as cp437, the format's own encoding, and may be wrong" in unpacked(data, tmp_path).note


def test_one_name_that_is_not_valid_in_the_guessed_encoding_makes_it_no_guess(tmp_path: Path) -> None:
    names = [f"写真{n}.jpg".encode("cp932") for n in range(100)]
    data = zip_of_raw_names([*names, b"\xf0.txt"])
    assert names[0].decode("cp437") in read_archive(data, tmp_path)
    assert "may be wrong" in unpacked(data, tmp_path).note


def test_names_in_utf8_are_read_where_the_zip_does_not_say_so(tmp_path: Path) -> None:
    names = ["日本語.txt", "cafe\u0301.txt"]
    data = zip_in("utf-8", names)
    assert sorted(read_archive(data, tmp_path)) == sorted([*names, "plain.txt"])
    assert unpacked(data, tmp_path).note == ""


def test_a_name_that_the_zip_calls_utf8_is_no_part_of_the_guess(tmp_path: Path) -> None:
    told, open_name = "日本語.txt", "données.csv"
    data = zip_of({told: b"", "donnXes.csv": b""}).replace(b"donnXes", "données".encode("cp1252"))
    assert sorted(read_archive(data, tmp_path)) == [open_name, told]
    assert "cp1252" in unpacked(data, tmp_path).note


def unicode_path(raw: bytes, name: str, version: int = 1) -> bytes:
    data = struct.pack("<BL", version, zlib.crc32(raw)) + name.encode()
    return struct.pack("<HH", 0x7075, len(data)) + data


def test_the_unicode_path_field_tells_the_name(tmp_path: Path) -> None:
    raw, name = b"????.txt", "写真/桜 名.jpg"
    data = zip_of_raw_names([raw], unicode_path(raw, name))
    assert list(read_archive(data, tmp_path)) == [name]
    assert unpacked(data, tmp_path).note == ""


@pytest.mark.parametrize(
    "extra",
    [
        unicode_path(b"other.txt", "wrong"),  # the name was changed by a program that does not know the field
        unicode_path(b"\xe9t\xe9s.txt", "wrong", version=2),
    ],
)
def test_a_unicode_path_field_of_another_name_is_passed_over(tmp_path: Path, extra: bytes) -> None:
    assert list(read_archive(zip_of_raw_names([b"\xe9t\xe9s.txt"], extra), tmp_path)) == ["étés.txt"]


def test_a_unicode_path_cannot_lead_out(tmp_path: Path) -> None:
    for name, why in (("../../x", "leads outside it"), ("/etc/passwd", "absolute"), ("a\0b", "not a valid path")):
        with pytest.raises(SourceFailed, match=why):
            read_archive(zip_of_raw_names([b"harmless.txt"], unicode_path(b"harmless.txt", name)), tmp_path)


def test_a_folder_is_told_by_its_decoded_name(tmp_path: Path) -> None:
    folder = "表/"
    data = zip_of_raw_names([folder.encode("cp932") + b"x", folder.encode("cp932").ljust(4, b"/")])
    assert list(read_archive(data, tmp_path)) == ["表/x"]


def test_names_that_several_encodings_fit_are_read_somehow_and_all(tmp_path: Path) -> None:
    names = [bytes([0xB0 + n % 20, 0xA1 + n // 20]) * 60 + b".txt" for n in range(300)]
    data = zip_of_raw_names(names)
    assert len(read_archive(data, tmp_path)) == 300


def test_a_local_header_of_another_name_is_damage_as_ever(tmp_path: Path) -> None:
    raw = "写真.jpg".encode("cp932")
    data = bytearray(zip_of_raw_names([raw]))
    data[zipfile.sizeFileHeader + len(raw) - 1] ^= 1
    with pytest.raises(SourceFailed, match="does not match"):
        read_archive(bytes(data), tmp_path)
