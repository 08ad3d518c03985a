"""Check the words of pages, features, messages, docstrings and comments: `words.toml` beside this file lists them.

    python tools/words.py [FILE…]        (part of `make checks`; without a file, all of them)

Prints FILE:LINE: what was found, and what to say; exit code 1 if anything was found. Only the standard library is
imported.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).with_name("words.toml")
_RULE = re.compile(r"\s*Rule: (.*)")
_FENCE = re.compile(r"^ *(```|~~~)")
_INLINE_CODE = re.compile(r"`[^`\n]*`")
_SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+|\s·\s|\n\s*\n|\n(?=\s*(?:[-*|#]|\d+\. ))")
_TEXT_TOKENS = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


@dataclass(frozen=True)
class Entry:
    """A phrase that is refused, and what to say instead."""

    pattern: re.Pattern[str]
    say: str


@dataclass(frozen=True)
class Words:
    """The list: its phrases, the files it applies to, and the most words that a sentence of a page may have."""

    entries: tuple[Entry, ...]
    files: tuple[str, ...]
    left_out: frozenset[str]
    longest_sentence: int


@dataclass(frozen=True)
class Passage:
    """Text for people in a file, and the line where it starts."""

    line: int
    text: str

    def line_of(self, offset: int) -> int:
        """The line of the file at an offset of the text."""
        return self.line + self.text.count("\n", 0, offset)


def read_list(path: Path = LIST) -> Words:
    """The list of a TOML file. Raises `re.error` for a phrase that is no regular expression."""
    table = tomllib.loads(path.read_text("utf-8"))
    return Words(
        tuple(Entry(_phrase(one["not"]), one["say"]) for one in table["word"]),
        tuple(table["files"]),
        frozenset(table["left_out"]),
        table["longest_sentence"],
    )


def problems(words: Words, name: str, text: str) -> Iterator[str]:
    """What is wrong in one file, as LINE: SENTENCE; its name says how it is read."""
    for passage in passages(name, text):
        for entry in words.entries:
            for found in entry.pattern.finditer(passage.text):
                said = re.sub(r"[\s#>]+", " ", found.group())
                yield f"{passage.line_of(found.start())}: “{said}”: say {entry.say}."
    for passage in _shown(name, text):
        yield from _long_sentences(passage, words.longest_sentence)


def _shown(name: str, text: str) -> Iterator[Passage]:
    """The text that readers of the pages see: pages themselves, and the rules of features."""
    if name.endswith(".md"):
        yield from _of_page(text)
    elif name.endswith(".feature"):
        for number, line in enumerate(text.splitlines(), 1):
            if found := _RULE.match(line):
                yield Passage(number, found[1])


def passages(name: str, text: str) -> Iterator[Passage]:
    """The text for people: of Python its strings and comments, of a page all but its code."""
    if name.endswith(".py"):
        yield from _of_python(text)
    elif name.endswith(".md"):
        yield from _of_page(text)
    else:
        yield Passage(1, text)


def main(names: list[str]) -> int:
    """Check files, or all of them; returns an exit code."""
    words = read_list()
    files = [Path(name).resolve() for name in names] or _all_files(words)
    found = 0
    for file in files:
        shown = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else str(file)
        for problem in problems(words, file.name, file.read_text("utf-8")):
            print(f"{shown}:{problem}")
            found += 1
    return 1 if found else 0


def _all_files(words: Words) -> Iterable[Path]:
    matched = {file for pattern in words.files for file in ROOT.glob(pattern)}
    return sorted(file for file in matched if file.relative_to(ROOT).as_posix() not in words.left_out)


def _phrase(pattern: str) -> re.Pattern[str]:
    """A regular expression of whole words; a space stands for any white space, also for the end of a line."""
    between = r"(?:[ \t]*\n[ \t#>]*|[ \t]+)"
    return re.compile(rf"\b(?:{pattern.replace(' ', between)})\b", re.IGNORECASE)


def _of_python(text: str) -> Iterator[Passage]:
    """Strings, and comments; those of lines that follow each other are one."""
    comment: list[str] = []
    start = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if comment and token.start[0] == start + len(comment):
                comment.append(token.string)
                continue
            if comment:
                yield Passage(start, "\n".join(comment))
            start, comment = token.start[0], [token.string]
        elif token.type in _TEXT_TOKENS:
            yield Passage(token.start[0], token.string)
    if comment:
        yield Passage(start, "\n".join(comment))


def _of_page(text: str) -> Iterator[Passage]:
    """The page without its code and front matter; every line stays in its place."""
    lines: list[str] = []
    fenced = front = False
    for number, line in enumerate(text.splitlines()):
        if line == "---" and (number == 0 or front):
            front = not front
            lines.append("")
        elif _FENCE.match(line):
            fenced = not fenced
            lines.append("")
        else:
            code = fenced or line.startswith((":::", "    "))
            lines.append("" if code or front else _INLINE_CODE.sub(_blank, line))
    yield Passage(1, "\n".join(lines))


def _blank(code: re.Match[str]) -> str:
    return "`" + "_" * (len(code.group()) - 2) + "`"


def _long_sentences(passage: Passage, longest: int) -> Iterator[str]:
    """Sentences with too many words. A cell of a table, an item and a heading end a sentence, too."""
    start = 0
    ends = [*((end.start(), end.end()) for end in _SENTENCE_END.finditer(passage.text)), (len(passage.text),) * 2]
    for end, after in ends:
        sentence = passage.text[start:end]
        count = max(len(re.findall(r"\w[\w'’-]*", cell)) for cell in sentence.split("|"))
        if count > longest:
            offset = start + len(sentence) - len(sentence.lstrip())
            yield f"{passage.line_of(offset)}: this sentence has {count} words; say it in two, of at most {longest}."
        start = after


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
