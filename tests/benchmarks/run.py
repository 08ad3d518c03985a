"""Measure, print the table, and keep the figures for the page *Performance*. See the docstring of this package."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path

import files
import peers
import requests_per_second
import starting
from disk import disk
from machines import Served, served
from pairs import Figures, Row, measure

FIGURES = Path(__file__).with_name("figures.json")


def main(words: list[str]) -> None:
    """Measure the rows whose names contain one of the words, or all."""
    if missing := peers.missing():
        raise SystemExit(f"Install the peers first, for example: apt-get install {' '.join(missing)}backup")
    for variable in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):  # they slow every command; a user has neither
        os.environ.pop(variable, None)
    with disk() as (folder, what), served(folder / "served") as server:
        print(f"On {what}.")
        measured = []
        for row in _rows(folder, server):
            if words and not any(word in row.name for word in words):
                continue
            measured.append(measure(row))
            print(_line(measured[-1]), flush=True)
    _keep(measured, what)


def _rows(folder: Path, server: Served) -> Iterator[Row]:
    yield from starting.rows(folder)
    yield from requests_per_second.rows(folder, server)
    yield from files.rows(folder, server)


def _line(figures: Figures) -> str:
    low, high = figures.spread
    further = "".join(f", {name} {value:,.1f}" for name, value in figures.further.items())
    verdict = "holds" if figures.holds else "MISSED"
    return (
        f"{figures.name}: {figures.what}: {figures.ratio:.2f} ({low:.2f} to {high:.2f}) times {figures.against}"
        f" (at most {figures.bound:g}: {verdict}){further}"
    )


def _keep(measured: list[Figures], disk_words: str) -> None:
    """Replace the figures of these rows; those of the others stay."""
    kept = json.loads(FIGURES.read_text())["rows"] if FIGURES.exists() else {}
    day = datetime.now(UTC).date().isoformat()
    kept |= {each.name: {**asdict(each), "ratio": round(each.ratio, 3), "day": day} for each in measured}
    machine = {"processors": cpu_count(), "python": platform.python_version(), "disk": disk_words}
    FIGURES.write_text(json.dumps({"machine": machine, "rows": kept}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
