"""The block `terminal`: a drawn terminal that plays the commands of a scenario, with CSS alone."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from living_spec.config import SpecError, unknown
from living_spec.evidence import Transcript
from living_spec.markdown.context import banner
from living_spec.markdown.markup import details, fence
from living_spec.markdown.records import recorded_elsewhere

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from living_spec.markdown.context import Context
    from living_spec.markdown.markup import Lines
    from living_spec.pages import Block

# A column for wide screens and one for phones, in characters; the style sheet shows one of them.
_WIDTHS = {"wide": 100, "narrow": 42}
_ADVANCE, _HEIGHT, _PADDING, _BAR = 7.8, 20, 16, 34  # pixels, of text of 13 pixels
_PER_CHARACTER, _PAUSE = 0.022, 0.5  # seconds
_PROMPT = "$ "


@dataclass(frozen=True)
class _Line:
    """A line of the terminal: when it begins, and for how long it is typed, in seconds; output takes no time."""

    text: str
    begins: float
    takes: float = 0


def terminal(context: Context, block: Block) -> Lines:
    """`::: terminal ID [surface=…] [step=N-M]`: plays the commands of a scenario; their text is below, folded away."""
    scenario = context.proof.spec.scenario(block.argument("surface", "step"))
    surface = block.options.get("surface", next(iter(context.surfaces)))
    if surface not in context.surfaces:
        raise SpecError(unknown("surface", surface, context.surfaces))
    lines = banner(block, {context.surfaces[surface]: context.scenario(scenario)[surface]})
    chosen = _chosen(block)
    editions = (context.edition, context.proof.spec.config.first_edition)
    found = {edition: context.proof.results(scenario, surface, edition)[:1] for edition in editions}
    edition = next((one for one in editions if found[one]), context.edition)
    steps = (step for result in found[edition] for step in result.steps[chosen])
    records = [record for step in steps for record in step.records if isinstance(record, Transcript)]
    if not records:
        if lines:
            return lines  # a fresh run may record them
        raise SpecError(f"The run has recorded no commands on {context.surfaces[surface]}.")
    drawings = "".join(_drawing(name, columns, records) for name, columns in _WIDTHS.items())
    still = '<input type="checkbox" id="terminal-still"><label for="terminal-still">Skip the animation</label>'
    text = "\n".join(f"{_PROMPT}{record.command}\n{record.output.rstrip()}" for record in records)
    return [
        *lines,
        f'<div class="terminal" data-search-exclude>{still}{drawings}</div>',
        "",
        *details("terminal-text", "The same as text", fence("console", text)),
        *recorded_elsewhere(context, edition),
    ]


def _chosen(block: Block) -> slice:
    """The steps from one number to another, both counted from 1; without the option, all."""
    asked = block.options.get("step")
    if asked is None:
        return slice(None)
    first, _, last = asked.partition("-")
    for number in (first, last):
        if not number.isdecimal() or number == "0":
            raise SpecError(f"There is no step {number!r}. Steps are numbered from 1: step=1-3.")
    return slice(int(first) - 1, int(last))


def _drawing(name: str, columns: int, records: Sequence[Transcript]) -> str:
    """The terminal at one width, hidden from those who hear the page: they have the text."""
    lines = list(_lines(records, columns))
    width, height = round(columns * _ADVANCE) + 2 * _PADDING, _BAR + len(lines) * _HEIGHT + _PADDING
    dots = "".join(f'<circle cx="{_PADDING + 5 + 18 * number}" cy="17" r="5"/>' for number in range(3))
    rows = "".join(_text(line, _BAR + _HEIGHT * number + 14) for number, line in enumerate(lines))
    return (
        f'<svg class="terminal-{name}" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' aria-hidden="true"><rect width="{width}" height="{height}" rx="6"/>{dots}{rows}</svg>'
    )


def _text(line: _Line, y: int) -> str:
    begins = f"--begins:{line.begins:.2f}s"
    if not line.takes:
        return f'<text x="{_PADDING}" y="{y}" style="{begins}">{_words(line.text)}</text>' if line.text else ""
    text = _words(line.text)
    if line.text.startswith(_PROMPT):
        text = f"<tspan>{_PROMPT[:-1]}</tspan>{text[len(_PROMPT) - 1 :]}"
    typed = f"{begins};--takes:{line.takes:.2f}s;--steps:{len(line.text)}"
    return f'<text class="terminal-typed" x="{_PADDING}" y="{y}" style="{typed}">{text}</text>'


def _words(text: str) -> str:
    """Text that keeps its columns, and that Markdown does not read."""
    return "".join(f"&#{ord(one)};" if one in "*_`[]\\" else one for one in escape(text.replace(" ", "\u00a0")))


def _lines(records: Sequence[Transcript], columns: int) -> Iterator[_Line]:
    """Each command as it is typed, and what it prints; a command that is typed waits for the one before."""
    now = _PAUSE
    for number, record in enumerate(records):
        if number:
            yield _Line("", now)
        typed = f"{_PROMPT}{record.command}"
        for text in textwrap.wrap(typed, columns, subsequent_indent="  ", break_on_hyphens=False):
            takes = len(text) * _PER_CHARACTER
            yield _Line(text, now, takes)
            now += takes
        now += _PAUSE / 2
        for printed in record.output.rstrip().split("\n"):
            for text in _fitted(printed, columns):
                yield _Line(text, now)
        now += _PAUSE


def _fitted(printed: str, columns: int) -> list[str]:
    """A sentence wraps; a row of a table is cut off."""
    if len(printed) <= columns:
        return [printed]
    if "  " in printed:
        return [f"{printed[: columns - 1]}…"]
    return textwrap.wrap(printed, columns, break_on_hyphens=False)
