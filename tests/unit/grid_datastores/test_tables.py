"""Tables and lists: printed while their rows come, in any width, with no character that a stream cannot take."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout

import pytest

from grid_datastores.cli.output import print_json_list, print_rows, print_table
from grid_datastores.cli.tables import Column, cells, fitting, lines
from grid_datastores.domain.errors import NotFound
from grid_datastores.domain.model import FileEntry
from grid_datastores.storage import Manifest, read_files

FILES = [Column("BYTES", 15, right=True), Column("PATH", 1024)]


@pytest.mark.proves("lists-are-streamed")
def test_rows_are_printed_while_they_come() -> None:
    seen: list[str] = []
    with redirect_stdout(io.StringIO()) as printed:
        print_rows(FILES, ([f"{len(seen)}", "a.csv"] for _ in range(3) if not seen.append(printed.getvalue())))
    first = "          BYTES  PATH\n              1  a.csv\n"
    assert seen == ["", first, f"{first}              2  a.csv\n"]


@pytest.mark.proves("lists-are-streamed", "files-in-json-are-one-array")
def test_values_are_printed_as_json_while_they_come() -> None:
    seen: list[str] = []
    with redirect_stdout(io.StringIO()) as printed:
        print_json_list({"n": number} for number in range(4) if not seen.append(printed.getvalue()))
    assert seen[-1] == '[\n  {"n": 0},\n  {"n": 1},\n'
    assert json.loads(printed.getvalue()) == [{"n": number} for number in range(4)]


def test_a_list_of_nothing_is_json() -> None:
    with redirect_stdout(io.StringIO()) as printed:
        print_json_list([])
    assert printed.getvalue() == "[]\n"


def test_a_refusal_before_the_first_row_prints_nothing() -> None:
    def rows() -> Iterator[list[str]]:
        raise NotFound("no")
        yield []

    with redirect_stdout(io.StringIO()) as printed:
        for printing in (lambda: print_rows(FILES, rows()), lambda: print_json_list(rows())):
            with pytest.raises(NotFound):
                printing()
    assert printed.getvalue() == ""


def test_the_files_of_a_manifest_are_read_while_it_arrives() -> None:
    entries = [FileEntry(f"{number}.csv", number, "a" * 64, "pack", 0) for number in range(3)]
    encoded = Manifest(tuple(entries), ("empty",)).encode()
    taken: list[int] = []
    files = read_files(encoded[start : start + 7] for start in range(0, len(encoded), 7) if not taken.append(start))
    assert next(files) == entries[0]
    assert taken[-1] <= encoded.index(b"\n")
    assert [*files] == entries[1:]


def test_columns_are_as_wide_as_their_widest_cells() -> None:
    with redirect_stdout(io.StringIO()) as printed:
        print_table(["NAME", "N"], [["a", "1"], ["中文数据", "22"], ["\x1b[2J", "3"]])
    assert printed.getvalue() == "NAME      N\na         1\n中文数据  22\n\\x1b[2J   3\n"


@pytest.mark.parametrize("room", [20, 31, 40, 79, 500])
@pytest.mark.parametrize("path", ["x" * 200, "数" * 100, "a😀" * 70])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_lost(room: int, path: str) -> None:
    headers, row = ["NAME", "SOURCE", "N"], ["data", path, "12"]
    shown = [*lines(fitting(headers, [row]), [row], room, bold=False)]
    assert max(map(cells, shown)) <= room
    said = "".join("".join(shown).split())
    assert all(said.count(character) >= path.count(character) for character in path)
    assert "data" in said
    assert "12" in said


def test_lines_of_ascii_and_of_other_text_are_aligned_alike() -> None:
    columns = [Column("BYTES", 5, right=True), Column("SHA-256", 4), Column("PATH", 9)]
    for last, expected in (("a%s", "a%s"), ("é", "é"), ("a ", "a"), ("", ""), ("x" * 20, "x" * 20)):
        rows = [["1", "ab", last], ["123456", "abcdef", last]]
        _headers, short, long = lines(columns, rows, None, bold=False)
        assert short == f"    1  ab    {expected}".rstrip()
        assert long == f"123456  abcdef  {expected}".rstrip()
    for last in ("12", "é2"):
        _headers, line = lines([columns[1], columns[0]], [["ab", last]], None, bold=False)
        assert line == f"ab       {last}"
