"""The sentences of a page: its prose, headings, table rows and code, in the order of the Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING

from living_spec.pages import end_of_comment, end_of_fence, find_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FRONT_MATTER = re.compile(r"---[ \t]*$")
_END_OF_FRONT_MATTER = re.compile(r"(?:---|\.\.\.)[ \t]*$")
_SHOWN = re.compile(r"(?:description|workaround):\s*\"?(.*?)\"?$")
_HEADING = re.compile(r"\s*#{1,6}\s+(?P<text>.*?)\s*(?:\{[^{}]*\})?\s*$")
_TITLE = re.compile(r"\s*(?:!!!|\?\?\?\+?|===[+!]?)(?:\s+[\w-]+)*(?:\s+\"(?P<text>.*)\")?\s*$")
_ROW = re.compile(r"\s*\|(?P<cells>.*)\|\s*$")
_RULE_OF_TABLE = re.compile(r"[\s|:-]+")
_SKIPPED = re.compile(
    r"""\s*(?:
    --8<--\s+"[^"]*"  # an included file
    |\{\s*[.\#:][^{}]*\}  # attributes
    |\[[^\]]+\]:\s+\S+(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?  # the target of a link
    |=+  # the line below a title
    )\s*$""",
    re.VERBOSE,
)
_MARKER = re.compile(r"\s*(?:[-*+]\s+|\d+\.\s+|:\s{1,3}|>\s?)*")
_BEGINS = re.compile(r"\s*(?:[-*+]\s|\d+\.\s|:\s{1,3}|>)")

_CODE = re.compile(r"(`+)(?:.+?)\1(?!`)", re.DOTALL)
_TARGET = re.compile(r"\]\([^()]*(?:\([^()]*\)[^()]*)*\)")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--.*?-->", re.DOTALL)
_ATTRIBUTES = re.compile(r"\{(?!\{)\s*[.#:][^{}]*\}")
_LINK = re.compile(r"!?\[((?:[^\[\]]|\[[^\]]*\])*)\]\([^()]*(?:\([^()]*\)[^()]*)*\)", re.DOTALL)
_STRONG = re.compile(r"\*\*|__(?=\w)|(?<=\w)__")
_END = re.compile(r"[.!?]['\"”’)\]*_]*(?=\s|$)")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|cf|vs)\.$")


@dataclass(frozen=True)
class Sentence:
    """A sentence, heading, row or block of code; `line` counts from 0.

    `text` is one line, without the targets of links. `mark_at` is the line and column after it, for a mark; None if it
    can have no mark. A `title` is a heading, the title of a box or tab, or the head of a table.
    """

    text: str
    line: int
    mark_at: tuple[int, int] | None = None
    code: bool = False
    title: bool = False


def sentences(lines: Sequence[str]) -> Iterator[Sentence]:
    """All sentences of a page, in order. Blocks `:::` and included files are left out: they are generated."""
    blocks = {block.line for block in find_blocks(lines)}
    paragraph: list[tuple[int, int]] = []
    number = 0
    if (end_of_front_matter := _end_of_front_matter(lines)) is not None:
        number = end_of_front_matter + 1
        yield from _of_front_matter(lines[:number])
    while number < len(lines):
        line = lines[number]
        end = end_of_fence(lines, number)
        whole = end is None and number not in blocks and not _SKIPPED.match(line) and line.strip()
        standing = list(_standing(lines, number)) if whole else []
        if not whole or standing or _BEGINS.match(line):
            yield from _split(lines, paragraph)
            paragraph = []
        if end is not None:
            yield Sentence(" ".join("\n".join(lines[number:end]).split()), number, code=True)
        elif (comment := end_of_comment(lines, number)) is not None:
            end = comment
            paragraph += [(row, 0) for row in range(number, end + 1)]  # as text can stand before and behind it
        elif standing:
            yield from (one for one in standing if _says_something(one.text))
        elif whole:
            marker = _MARKER.match(line)
            paragraph.append((number, marker.end() if marker and _BEGINS.match(line) else 0))
        number = (number if end is None else end) + 1
    yield from _split(lines, paragraph)


@cache  # of a page that is read again, most is unchanged
def shown(markdown: str) -> str:
    """The text in one line: without the targets of links, tags, attributes and double asterisks; code stays.

    >>> shown("Press *Delete* in [the row](a.md#row) of `v1`.")
    'Press *Delete* in the row of `v1`.'
    """
    parts, at = [], 0
    text = _unlinked(markdown)
    for code in _CODE.finditer(text):
        parts += [_unmarked(text[at : code.start()]), code[0]]
        at = code.end()
    return " ".join("".join([*parts, _unmarked(text[at:])]).split())


def _end_of_front_matter(lines: Sequence[str]) -> int | None:
    if not lines or not _FRONT_MATTER.match(lines[0]):
        return None
    return next((number for number in range(1, len(lines)) if _END_OF_FRONT_MATTER.match(lines[number])), None)


def _of_front_matter(front_matter: Sequence[str]) -> Iterator[Sentence]:
    """The sentences of the front matter that readers see: descriptions, and workarounds of known issues."""
    for number, line in enumerate(front_matter):
        if match := _SHOWN.match(line):
            yield from (Sentence(shown(match[1][start:end]), number) for start, end in _spans(match[1]))


def _standing(lines: Sequence[str], number: int) -> Iterator[Sentence]:
    """The sentence of a line that stands alone: a heading, a title or a row of a table."""
    line = lines[number]
    if match := _HEADING.match(line):
        yield Sentence(shown(match["text"]), number, title=True)
    elif match := _TITLE.match(line):
        yield Sentence(shown(match["text"] or ""), number, title=True)
    elif match := _ROW.match(line):
        text = "" if _RULE_OF_TABLE.fullmatch(line) else shown(match["cells"].strip())
        if number + 1 < len(lines) and _RULE_OF_TABLE.fullmatch(lines[number + 1]) and "-" in lines[number + 1]:
            yield Sentence(text, number, title=True)
        else:
            yield Sentence(text, number, (number, len(line[: match.end("cells")].rstrip())))


def _split(lines: Sequence[str], paragraph: Sequence[tuple[int, int]]) -> Iterator[Sentence]:
    """The sentences of a paragraph, given as (line, column where its text begins)."""
    texts = [lines[number][column:] for number, column in paragraph]
    text = "\n".join(texts)
    starts = [0, *accumulate(len(part) + 1 for part in texts)]
    for start, end in _spans(text):
        row = next(row for row in range(len(texts)) if end <= starts[row] + len(texts[row]))
        first = max(row for row in range(len(texts)) if starts[row] <= start)
        place = paragraph[row][0], paragraph[row][1] + end - starts[row]
        sentence = Sentence(shown(text[start:end]), paragraph[first][0], place)
        if _says_something(sentence.text):
            yield sentence


@cache
def _spans(text: str) -> tuple[tuple[int, int], ...]:
    """The start and end offsets of each sentence of a text."""
    return tuple(_offsets(text))


def _offsets(text: str) -> Iterator[tuple[int, int]]:
    masked = _masked(text)
    start = 0
    for match in _END.finditer(masked):
        following = masked[match.end() :].lstrip()
        if following[:1].islower() or _ABBREVIATION.search(masked[: match.start() + 1]):
            continue
        yield start, match.end()
        start = match.end() + len(masked[match.end() :]) - len(following)
    if (rest := masked[start:]).strip():
        yield start, start + len(rest.rstrip())


def _masked(text: str) -> str:
    """The text with code, targets of links, tags and attributes replaced by as many harmless characters."""
    text = _CODE.sub(lambda match: "X" * len(match[0]), text)
    text = _TARGET.sub(lambda match: ")" * len(match[0]), text)
    text = _ATTRIBUTES.sub(lambda match: ")" * len(match[0]), text)
    return _TAG.sub(lambda match: ")" * len(match[0]), text)


def _unlinked(text: str) -> str:
    while (without := _LINK.sub(r"\1", text)) != text:
        text = without
    return text


def _unmarked(text: str) -> str:
    return _STRONG.sub("", _ATTRIBUTES.sub("", _TAG.sub("", text)))


def _says_something(text: str) -> bool:
    return any(character.isalnum() for character in text)
