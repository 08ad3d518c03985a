"""Small pieces of Markdown, as lists of lines. Nothing that comes from evidence is read as Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from living_spec.results import Kind, Standing

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
    """Text that is shown as it stands: whatever could be markup becomes a character reference."""
    return re.sub(r"[^\w\s]|_", lambda match: f"&#{ord(match[0])};", " ".join(text.split()))


def authored(text: str) -> str:
    """One line of the features' prose: inline Markdown works in it, HTML and attribute lists do not."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        part if part.startswith("`") else re.sub(r"[<>{}|\"]", lambda match: f"&#{ord(match[0])};", part)
        for part in parts
    )


def paragraph(text: str, css: str, role: str = "") -> Lines:
    """A paragraph with a class, and an ARIA role where it has one."""
    return [text, f"{{ .{css}{f' role={role}' if role else ''} }}", ""]


def fence(language: str, content: str) -> Lines:
    """Fenced code, its fence longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    ticks = "`" * max(3, longest + 1)
    return [f"{ticks}{language}", *content.rstrip("\n").split("\n"), ticks, ""]


def indent(lines: Iterable[str], by: str = "    ") -> Lines:
    """Lines moved to the right; empty ones stay empty."""
    return [f"{by}{line}" if line else "" for line in lines]


def details(css: str, title: str, lines: Iterable[str]) -> Lines:
    """A collapsible with lines in it; `title` is inline Markdown without a double quote."""
    return [f'??? {css} "{title}"', "", *indent(lines), ""]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
    """A table of inline Markdown cells."""

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
    """A result in a word and a symbol, and the word "stale" where it is that."""
    symbol, css = _SYMBOLS[verdict.kind]
    stale = " (stale)" if verdict.standing is Standing.STALE else ""
    return (
        f'<span class="spec-result {css}"><span aria-hidden="true">{symbol}</span> {verdict.kind.value}{stale}</span>'
    )
