"""What `make bench` measured: the sentence, the tables and the plot of the page "Performance"."""

from __future__ import annotations

import json
import math
import statistics
import tomllib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from guide.svg import Drawing
from guide.tested import markdown_table, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

_BENCHMARKS = Path(__file__).parents[2] / "tests" / "benchmarks"
FIGURES = _BENCHMARKS / "figures.json"
BEHIND = _BENCHMARKS / "behind.toml"
_UNITS = {"p50": "p50 {:,.1f} ms", "p99": "p99 {:,.1f} ms", "per_second": "{:,.0f} a second"}

_WIDTH, _LEFT, _RIGHT = 470, 10, 460  # of the plot, and where its axis begins and ends
_TOP, _ROW = 50, 36
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Measured:
    """The figures of a row. All ratios are our time divided by the peer's; the largest wanted one is `bound`."""

    name: str
    what: str
    against: str
    bound: float
    ours: list[float]  # seconds, one a round, as for the peer
    peer: list[float]
    further: Mapping[str, float]
    day: str

    @property
    def ratio(self) -> float:
        """That of the medians."""
        return statistics.median(self.ours) / statistics.median(self.peer)

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest ratio of a round."""
        ratios = [ours / peer for ours, peer in zip(self.ours, self.peer, strict=True)]
        return min(ratios), max(ratios)

    @property
    def holds(self) -> bool:
        """Whether the ratio is as wanted."""
        return self.ratio <= self.bound

    @property
    def title(self) -> str:
        """What is compared."""
        return f"{self.what}, against {self.against}"


def summary() -> str:
    """How many rows are as wanted, and on which machine they were measured."""
    read = _read()
    if read is None:
        return "Nothing has been measured yet: `make bench` writes the figures of this page.\n"
    machine, rows = read
    missed = [row for row in rows if not row.holds]
    told = f"{len(rows) - len(missed)} of {len(rows)} rows are as wanted, {len(missed) or 'none'} missed."
    where = f"{machine['processors']} processors, Python {machine['python']}, {machine['disk']}"
    return f"{told} The machine: {where}.\n"


def figures() -> str:
    """The table, the plot and what is missed; empty before anything was measured."""
    read = _read()
    if read is None:
        return ""
    _machine, rows = read
    table = markdown_table(("What", "Measured, and at most wanted"), [_cells(row) for row in rows])
    parts = ["## The plot", _drawn(rows), "## What is missed", _missed(rows), "## The figures", table]
    return "\n\n".join(parts) + "\n"


def behind() -> str:
    """What happens in the measured time, ours and the peer's."""
    cells = [(f"`{name}`", text["ours"], text["peer"]) for name, text in _behind().items()]
    return markdown_table(("Row", "Ours", "The peer"), cells) + "\n"


def _missed(rows: list[Measured]) -> str:
    """Each row that misses its bound, with what limits it."""
    texts = _behind()
    lines = [
        f"- **{row.title}**: {_times(row.ratio)}, wanted {_times(row.bound)}."
        f" {texts[row.name].get('limit', 'What limits it is not known yet.')}"
        for row in rows
        if not row.holds
    ]
    return "\n".join(lines) or "No row."


def _read() -> tuple[dict[str, Any], list[Measured]] | None:
    if not FIGURES.exists():
        return None
    figures = json.loads(FIGURES.read_text("utf-8"))
    return figures["machine"], [_measured(row) for row in figures["rows"].values()]


def _measured(row: dict[str, Any]) -> Measured:
    return Measured(**{name: row[name] for name in Measured.__dataclass_fields__})


def _behind() -> dict[str, dict[str, str]]:
    return tomllib.loads(BEHIND.read_text("utf-8"))


def _cells(row: Measured) -> tuple[str, ...]:
    what = f"{row.what}, against `{row.against}`" if row.against.startswith("python") else row.title
    low, high = row.spread
    ours, peer = (_seconds(statistics.median(each)) for each in (row.ours, row.peer))
    measured = [
        f"**{_times(row.ratio)}**, at most {_times(row.bound)}{'' if row.holds else ': **missed**'}",
        f"({low:.2f} to {high:.2f})",
        f"{ours} against {peer}",
        *(_UNITS.get(name, name + " {:,.1f}").format(value) for name, value in row.further.items()),
    ]
    command = f'`make bench ROWS="{row.name}"`'
    return f"{what}<br>{command} {whole(row.day)}", "<br>".join(whole(line) for line in measured)


def _times(ratio: float) -> str:
    return f"{ratio:.2f}".rstrip("0").rstrip(".") + " ×"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds * 1000:,.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _drawn(rows: list[Measured]) -> str:
    title = "Measured, as a part of what is wanted"
    told = "; ".join(
        f"{row.name}: {row.ratio:.2f} times, wanted at most {row.bound:g}, {'holds' if row.holds else 'missed'}"
        for row in rows
    )
    drawing = Drawing("performance", title, f"{told}.", _WIDTH)
    reached = [limit / row.bound for row in rows for limit in row.spread]
    low, high = min(0.4, *reached) / 1.1, max(2.5, *reached) * 1.1
    x = partial(_place, low, high)
    bottom = _TOP + len(rows) * _ROW
    for tick in (tick for tick in _TICKS if low <= tick <= high):
        css, word = ("dg-wanted", "wanted") if tick == 1 else ("dg-tick", f"{tick:g} ×")
        drawing.parts.append(f'<path class="{css}" d="M {x(tick)} {_TOP - 10} V {bottom}"/>')
        drawing.parts.append(f'<text class="dg-word" x="{x(tick)}" y="32" text-anchor="middle">{word}</text>')
    for at, anchor, word in ((_LEFT, "start", "← faster"), (_RIGHT, "end", "slower →")):
        drawing.parts.append(f'<text class="dg-word" x="{at}" y="14" text-anchor="{anchor}">{word}</text>')
    for number, row in enumerate(rows):
        drawing.parts.append(_mark(row, _TOP + number * _ROW, x))
    drawing.bottom = bottom
    return drawing.html()


def _mark(row: Measured, y: int, x: partial[float]) -> str:
    """The name and the ratio of a row; below, its spread as a line and its ratio: a disc, or a square if missed."""
    low, high = (x(ratio / row.bound) for ratio in row.spread)
    at, level = x(row.ratio / row.bound), y + 24
    mark = (
        f'<circle cx="{at}" cy="{level}" r="5"/>'
        if row.holds
        else f'<rect x="{at - 5:.1f}" y="{level - 5}" width="10" height="10"/>'
    )
    told = f"{_times(row.ratio)}{'' if row.holds else ', missed'}"
    return (
        f'<g class="{"dg-met" if row.holds else "dg-missed"}"><path d="M {low} {level} H {high}"/>{mark}'
        f'<text class="dg-word" x="{_LEFT}" y="{y + 12}">{escape(row.name)}</text>'
        f'<text class="dg-word" x="{_RIGHT}" y="{y + 12}" text-anchor="end">{told}</text></g>'
    )


def _place(low: float, high: float, value: float) -> float:
    """Where a value stands on the axis, which is logarithmic."""
    part = math.log(value / low) / math.log(high / low)
    return round(_LEFT + part * (_RIGHT - _LEFT), 1)
