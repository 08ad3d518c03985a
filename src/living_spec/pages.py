"""The `::: block` lines in the Markdown files of the pages."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from living_spec.config import SpecError, display_path, read_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from living_spec.config import Config

_BLOCK = re.compile(
    r"(?P<indent>[ \t]*)(?P<marker>[-*+][ \t]+|\d+\.[ \t]+)?:::[ \t]+(?P<name>[a-z][a-z-]*)(?P<rest>(?:[ \t].*)?)$"
)
_FRONT_MATTER = re.compile(r"---[ \t]*\n.*?^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE)
_FENCE = re.compile(r"[ \t>]*(?P<fence>`{3,}|~{3,})(?P<rest>[^`]*)$")


@dataclass(frozen=True)
class Block:
    """A line `::: name argument option=value`; `line` counts from 0; `indent` is its leading white space.

    If it is an item of a list, `marker` is the marker of the item, else "".
    """

    name: str
    arguments: tuple[str, ...]
    options: Mapping[str, str]
    indent: str
    line: int
    marker: str = ""

    def __str__(self) -> str:
        return " ".join(["`:::", self.name, *self.arguments]) + "`"

    def argument(self, *options: str) -> str:
        """Its only argument. Raises SpecError if it has more or fewer arguments, or other options."""
        self.expect(1, *options)
        return self.arguments[0]

    def expect(self, arguments: int, *options: str) -> None:
        """Raise SpecError unless it has this number of arguments, and no other options than these."""
        if len(self.arguments) != arguments:
            takes = {0: "no argument", 1: "one argument"}[arguments]
            raise SpecError(f"This block takes {takes}, but has {len(self.arguments)}.")
        for option in self.options:
            if option not in options:
                known = f"Its options are {', '.join(options)}." if options else "It has none."
                raise SpecError(f"This block has no option {option!r}. {known}")


def find_blocks(lines: Sequence[str]) -> Iterator[Block]:
    """The blocks of a page, without those in fenced code and comments."""
    number = 0
    while number < len(lines):
        end = end_of_fence(lines, number)
        if end is None:
            end = end_of_comment(lines, number)
        if end is None and (match := _BLOCK.match(lines[number])):
            yield _block(match, number)
        number = (number if end is None else end) + 1


def page_blocks(config: Config) -> Iterator[tuple[Path, Block]]:
    """The blocks of all pages, with the page of each, in the order of their paths."""
    for path in sorted(config.pages.rglob("*.md")):
        lines = read_source(path).splitlines()
        try:
            for block in find_blocks(lines):
                yield path, block
        except SpecError as error:
            raise SpecError(f"{display_path(path)}: {error}") from error


def citing_pages(config: Config) -> dict[str, list[Path]]:
    """For each rule that the guide cites, the pages with a block `rule` for it."""
    pages: dict[str, list[Path]] = {}
    for path, block in page_blocks(config):
        if block.name == "rule" and config.guide.has(path):
            for id_ in block.arguments:
                citing = pages.setdefault(id_, [])
                if path not in citing:
                    citing.append(path)
    return pages


def body(text: str) -> str:
    """The text of a page without its front matter, and without white space around it."""
    return _FRONT_MATTER.sub("", text, count=1).strip() if text.startswith("---") else text.strip()


def page_title(path: Path) -> str:
    """The first heading of a page, or else the name of its file."""
    headings = (line[2:].strip() for line in read_source(path).splitlines() if line.startswith("# "))
    return next(headings, path.stem)


def feature_pages(config: Config) -> dict[str, str]:
    """For each feature that a page shows, a link to the page, relative to the folder of pages."""
    homes: dict[str, str] = {}
    for path, block in page_blocks(config):
        if block.name == "feature":
            for name in block.arguments:
                homes.setdefault(name, "/" + path.relative_to(config.pages).as_posix())
    return homes


def page_with(config: Config, name: str) -> str | None:
    """A link to the first page with a block of this name, relative to the folder of pages, or None."""
    pages = (path for path, block in page_blocks(config) if block.name == name)
    page = next(pages, None)
    return f"/{page.relative_to(config.pages).as_posix()}" if page else None


def _block(match: re.Match[str], number: int) -> Block:
    try:
        words = _words(match["rest"])
    except ValueError as error:
        raise SpecError(f"A quote in `{match[0].strip()}` is not closed.") from error
    options = [word.partition("=") for word in words if "=" in word]
    return Block(
        name=match["name"],
        arguments=tuple(word for word in words if "=" not in word),
        options={name: value for name, _, value in options},
        indent=match["indent"],
        line=number,
        marker=match["marker"] or "",
    )


@cache  # of a page that is read again, most is unchanged
def _words(text: str) -> tuple[str, ...]:
    return tuple(shlex.split(text))


def end_of_comment(lines: Sequence[str], start: int) -> int | None:
    """The last line of the comment that starts on this line; None if no comment of several lines starts."""
    _, opening, rest = lines[start].rpartition("<!--")
    if not opening or "-->" in rest:
        return None
    return next((number for number in range(start + 1, len(lines)) if "-->" in lines[number]), None)


def end_of_fence(lines: Sequence[str], start: int) -> int | None:
    """The last line of the fenced code that starts here; None if none starts or it is never closed."""
    opening = _FENCE.match(lines[start])
    if opening is None:
        return None
    closing = re.compile(rf"[ \t>]*{re.escape(opening['fence'])}{re.escape(opening['fence'][0])}*[ \t]*$")
    return next((number for number in range(start + 1, len(lines)) if closing.match(lines[number])), None)
