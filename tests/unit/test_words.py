"""The word list: what it finds, where it looks, and that this tree is clean."""

from __future__ import annotations

from pathlib import Path

import pytest

import words

LIST = """
files = []
left_out = []
longest_sentence = 5
word = [{ not = "leaves? no byte", say = "“erase”" }]
"""
ANSWER = "“leaves no byte”: say “erase”."


@pytest.fixture
def listed(tmp_path: Path) -> words.Words:
    (tmp_path / "words.toml").write_text(LIST, "utf-8")
    return words.read_list(tmp_path / "words.toml")


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("page.md", "# It\n\nIt leaves no byte.\n", [f"3: {ANSWER}"]),
        ("page.md", "It leaves\nno byte.\n", [f"1: {ANSWER}"]),
        ("page.md", "```\nIt leaves no byte.\n```\n`leaves no byte`\n", []),
        ("page.md", "---\ntitle: leaves no byte\n---\n", []),
        ("page.md", "::: rule leaves no byte\n", []),
        ("page.md", "It leaves no bytecode.\n", []),
        ("a.feature", "Feature: It\n  Rule: It leaves no byte\n", [f"2: {ANSWER}"]),
        ("a.py", 'leaves_no_byte = 1\ndef f():\n    """It.\n\n    It leaves no byte.\n    """\n', [f"5: {ANSWER}"]),
        ("a.py", "a = 1\n# It leaves\n# no byte.\n", [f"2: {ANSWER}"]),
        ("a.py", 'a = f"{b} leaves no byte"\n', [f"1: {ANSWER}"]),
        ("a.py", "# It leaves\n\na = 1\n# no byte\n", []),
    ],
)
def test_a_phrase_is_found_in_text_for_people(listed: words.Words, name: str, text: str, found: list[str]) -> None:
    assert list(words.problems(listed, name, text)) == found


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("One two three four five.\n", []),
        ("# It\n\nOne two. One two three\nfour five six. One.\n", [3]),
        ("One two three. Four five six; seven eight nine.\n", []),
        ("- one two three\n- four five six\n", []),
        ("| one two three | four five six |\n", []),
        ("One two three `four five six` seven.\n", []),
        ("One two three four five six\n\nSeven.\n", [1]),
    ],
)
def test_a_sentence_of_a_page_is_short(listed: words.Words, text: str, lines: list[int]) -> None:
    found = list(words.problems(listed, "page.md", text))
    assert [int(problem.partition(":")[0]) for problem in found] == lines


def test_the_sentence_of_a_rule_is_short_as_pages_show_it(listed: words.Words) -> None:
    text = "Feature: It\n  One two three four five six seven.\n\n  Rule: One two; four five six seven eight nine\n"
    assert list(words.problems(listed, "a.feature", text)) == [
        "4: this sentence has 6 words; say it in two, of at most 5."
    ]


def test_this_tree_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    code = words.main([])
    assert capsys.readouterr().out == ""
    assert code == 0


def test_a_file_with_such_a_word_fails(
    listed: words.Words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(words, "read_list", lambda: listed)
    page = tmp_path / "page.md"
    page.write_text("It leaves no byte.\n", "utf-8")
    assert words.main([str(page)]) == 1
    assert capsys.readouterr().out == f"{page}:1: {ANSWER}\n"


def test_the_list_looks_at_pages_features_and_sources() -> None:
    looked_at = {file.relative_to(words.ROOT).as_posix() for file in words._all_files(words.read_list())}
    assert looked_at >= {"docs/index.md", "features/in-use.feature", "src/grid_datastores/cli/main.py", "README.md"}
    assert "docs/changelog.md" not in looked_at
