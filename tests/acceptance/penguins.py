"""The four pre-processing variations of `my-training-data`, made from the penguin data."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from statistics import mean, stdev
from typing import Any

DATA = Path(__file__).parents[2] / "data" / "penguins"
VARIATIONS = ("raw", "tidy", "complete", "standardised")
_NUMERIC = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")


def make_variations(folder: Path) -> list[Path]:
    """A folder each, in the order of the versions 1 to 4."""
    made = [folder / name for name in VARIATIONS]
    for variation in made:
        variation.mkdir(parents=True)
    raw, tidy, complete, standardised = made
    shutil.copy(DATA / "penguins-raw.csv", raw)
    shutil.copy(DATA / "penguins.csv", tidy)
    rows = _complete_rows()
    _write(complete / "penguins.csv", rows)
    _write(standardised / "penguins.csv", _standardised(rows))
    return made


def _complete_rows() -> list[dict[str, Any]]:
    with (DATA / "penguins.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if "NA" not in row.values()]


def _standardised(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    columns = {name: [float(row[name]) for row in rows] for name in _NUMERIC}
    scale = {name: (mean(values), stdev(values)) for name, values in columns.items()}
    return [
        row | {name: f"{(float(row[name]) - scale[name][0]) / scale[name][1]:.6f}" for name in _NUMERIC} for row in rows
    ]


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
