"""The four pre-processing variations of `my-training-data`, made from the penguin data."""

from __future__ import annotations

import csv
import io
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

DATA = Path(__file__).parents[2] / "data" / "penguins"
VARIATIONS = ("raw", "tidy", "complete", "standardised")
_NUMERIC = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")


def make_variations(folder: Path) -> list[Path]:
    """A folder each, in the order of the versions 1 to 4."""
    made = []
    for name, (file, content) in zip(VARIATIONS, _variations(), strict=True):
        (folder / name).mkdir(parents=True)
        (folder / name / file).write_bytes(content)
        made.append(folder / name)
    return made


@cache
def _variations() -> tuple[tuple[str, bytes], ...]:
    """The one file of each variation."""
    raw, tidy = (DATA / "penguins-raw.csv").read_bytes(), (DATA / "penguins.csv").read_bytes()
    rows = _complete_rows()
    made = (("penguins-raw.csv", raw), ("penguins.csv", tidy))
    return (*made, ("penguins.csv", _csv(rows)), ("penguins.csv", _csv(_standardised(rows))))


def _complete_rows() -> list[dict[str, Any]]:
    with (DATA / "penguins.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if "NA" not in row.values()]


def _standardised(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    columns = {name: [float(row[name]) for row in rows] for name in _NUMERIC}
    scale = {name: (mean(values), stdev(values)) for name, values in columns.items()}
    return [
        row | {name: f"{(float(row[name]) - scale[name][0]) / scale[name][1]:.6f}" for name in _NUMERIC} for row in rows
    ]


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
