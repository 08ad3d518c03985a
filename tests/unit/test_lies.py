"""A lie that is planted anywhere in the bound pages turns the lint red."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from living_spec.config import find_config
from living_spec.issues import read_register
from living_spec.prose.bindings import Binding, bindings_file, read_bindings
from living_spec.prose.lint import unbound
from living_spec.prose.sentences import sentences
from living_spec.spec import read_spec

ROOT = Path(__file__).parents[2]
PROSE = find_config(Path(__file__)).prose
assert PROSE
PAGES = list(PROSE.files())
LIES = ("A deletion can be undone for a day.", "The limit is 500 versions.", "`DATASTORE_IN_USE` is 418.")

# What a reader does not read: targets of links, attributes, tags, types of boxes, blocks, and the head of the page.
UNREAD = re.compile(
    r"\]\([^)]*\)|\{[^{}]*\}|</?\w[^>]*>|(?:!!!|\?\?\?) \w+|^\s*:::.*|^\s*--8<--.*|^(?:title|hide|search|  exclude):.*"
    r"|^(?:id|status|editions|surfaces|scenarios|sometimes|sees|since):.*|^(?:description|workaround):|^\s*\d+\. "
)


def problems(page: Path, lines: list[str], bindings: Sequence[Binding]) -> list[str]:
    return [message for _page, _line, message in unbound(page, list(sentences(lines)), bindings)]


@pytest.mark.proves("every-page-has-bindings", reads=["pyproject.toml"])
def test_every_page_but_the_changelog_is_bound() -> None:
    """A page of the history tells what was."""
    pages = {page.relative_to(ROOT).as_posix() for page in PAGES}
    written = {page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert pages == {"README.md"} | (written - {"docs/changelog.md"})
    assert [page for page in PAGES if not bindings_file(PROSE, page).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_sentence_is_bound_and_a_new_one_is_found_wherever_it_stands(page: Path) -> None:
    assert PROSE
    lines = page.read_text("utf-8").splitlines()
    bindings = read_bindings(bindings_file(PROSE, page))
    assert problems(page, lines, bindings) == []
    for sentence in sentences(lines):
        if sentence.mark_at:
            line, column = sentence.mark_at
            for lie in LIES:
                planted = [*lines[:line], f"{lines[line][:column]} {lie}{lines[line][column:]}", *lines[line + 1 :]]
                assert problems(page, planted, bindings), (lie, sentence)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_word_that_a_reader_reads_belongs_to_a_sentence(page: Path) -> None:
    """So that none can be changed without a new look at what proves it."""
    lines = page.read_text("utf-8").splitlines()
    tokens: dict[str, str] = {}
    renamed = [_renamed(line, tokens) for line in lines]
    read = " ".join(sentence.text for sentence in sentences(renamed))
    missing = tokens.keys() - set(re.findall(r"\w+", read))
    assert {tokens[token] for token in missing} == set()


def _renamed(line: str, tokens: dict[str, str]) -> str:
    """The line with a word of its own for each word that is read; `tokens` takes them, with the line."""
    read = UNREAD.sub(lambda match: " " * len(match[0]), line)
    for word in reversed(list(re.finditer(r"\w+", read))):
        token = f"X{len(tokens)}x"
        tokens[token] = f"{word[0]} in {line!r}"
        line = line[: word.start()] + token + line[word.end() :]
    return line


def test_the_title_of_a_known_issue_is_its_heading() -> None:
    """Lists and warnings show the title; the heading is bound to a proof."""
    issues = read_register(read_spec(find_config(Path(__file__)))).issues
    assert issues
    for issue in issues:
        assert f"\n# {issue.title}\n" in issue.path.read_text("utf-8"), issue.id
