"""Pieces of Markdown, as lists of lines. Text from evidence is never read as Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from living_spec.results import Freshness, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from living_spec.features import Step
    from living_spec.results import Verdict

Lines = list[str]

_SYMBOLS = {
    Kind.HOLDS: ("✓", "spec-holds"),
    Kind.FAILS: ("✗", "spec-fails"),
    Kind.FIXED: ("!", "spec-fixed"),
    Kind.KNOWN_ISSUE: ("⚠", "spec-known"),
    Kind.NOT_RUN: ("○", "spec-not-run"),
    Kind.NOT_ON_SURFACE: ("–", "spec-not-on"),
}


def literal(text: str) -> str:
    """Literal text: every character that could be markup becomes a character reference."""
    return re.sub(r"[^\w\s]|_", lambda match: f"&#{ord(match[0])};", " ".join(text.split()))


def authored(text: str) -> str:
    """One line of prose from features and issues, with inline Markdown but without HTML and attribute lists."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        part if part.startswith("`") else re.sub(r"[<>{}|\"]", lambda match: f"&#{ord(match[0])};", part)
        for part in parts
    )


def paragraph(text: str, css: str, *attributes: str) -> Lines:
    """A paragraph with a CSS class and more attributes, as in an attribute list."""
    return [text, f"{{ {' '.join((f'.{css}', *attributes))} }}", ""]


def counted(number: int, thing: str) -> str:
    """The number with its noun, in the singular or plural."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def fence(language: str, content: str) -> Lines:
    """Fenced code; the fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    ticks = "`" * max(3, longest + 1)
    return [f"{ticks}{language}", *content.rstrip("\n").split("\n"), ticks, ""]


def indent(lines: Iterable[str], by: str = "    ") -> Lines:
    """Indented lines; empty ones stay empty."""
    return [f"{by}{line}" if line else "" for line in lines]


def details(css: str, title: str, lines: Iterable[str]) -> Lines:
    """A collapsible block of lines; `title` is inline Markdown without a double quote."""
    return [f'??? {css} "{title}"', "", *indent(lines), ""]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
    """A table; its cells are inline Markdown."""

    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cell or ' ' for cell in cells)} |"

    return [line(head), line(["---"] * len(head)), *map(line, rows), ""]


def steps(items: Iterable[Step]) -> Lines:
    """Steps as a list, with their tables and texts."""
    lines: Lines = []
    for step in items:
        lines += [f"- **{literal(step.keyword)}** {literal(step.text)}", ""]
        if step.table:
            head, *rows = [[literal(cell) for cell in row] for row in step.table]
            lines += indent(table(head, rows))
        if step.docstring is not None:
            lines += indent(fence("text", step.docstring))
    return [*lines, ""]


def result(verdict: Verdict) -> str:
    """A verdict as a symbol and a word, with "(stale)" if the evidence is stale."""
    symbol, css = _SYMBOLS[verdict.kind]
    stale = " (stale)" if verdict.freshness is Freshness.STALE else ""
    # Left out of the search; for that, no element in it is of its own kind.
    return (
        f'<span class="spec-result {css}" data-search-exclude><b aria-hidden="true">{symbol}</b>'
        f" {verdict.kind.value}{stale}</span>"
    )
