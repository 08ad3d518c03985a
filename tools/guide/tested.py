"""What `make trust` saw, and how large the tests are: the tables of the page "How it is tested"."""

from __future__ import annotations

import ast
import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from living_spec.config import find_config
from living_spec.spec import read_spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "tests" / "trust" / "figures.json"
_DEFECTS = ROOT / "tests" / "defects"
_SOURCES = ("src/grid_datastores", "tests/trust")


class Seen(TypedDict):
    """The figures of an attack; `never` names the kinds of faults that it looks for."""

    target: str
    unit: str
    never: list[str]
    counts: dict[str, int]
    seconds: float
    day: str
    sources: str


def sources_digest() -> str:
    """The digest of what the figures speak of: the product and the attacks."""
    digest = sha256()
    for folder in _SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".html", ".js", ".css"):
                digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def attacks() -> str:
    """A row for each attack, with the figures of its last long run."""
    figures: dict[str, Seen] = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    rows = [_row(name, seen) for name, seen in figures.items()]
    older = sorted({seen["day"] for seen in figures.values() if seen["sources"] != sources_digest()})
    note = f"\nThe sources have changed since {older[0]}. Figures of that day are of older code.\n" if older else ""
    return f"{_table(('Attack', 'Tried', 'Found', 'Day', 'Command'), rows)}\n{note}"


def _row(name: str, seen: Seen) -> tuple[str, ...]:
    tried = f"{seen['counts'].get(seen['unit'], 0):,} {seen['unit']}"
    found = "<br>".join(f"{seen['counts'].get(kind, 0)} {kind}" for kind in seen["never"])
    return seen["target"], tried, found, seen["day"], f"`make trust ATTACKS={name}`"


def sizes() -> str:
    """How many rules, scenarios, surfaces, tests and defects there are."""
    config = find_config(ROOT)
    spec = read_spec(config)
    defects = json.loads((_DEFECTS / "noticed.json").read_text("utf-8"))["defects"]
    caught = sum(not defect["missed"] for defect in defects)
    rows = [
        ("Rules", f"{len(spec.rules)}", "`make test`"),
        ("Scenarios that show them", f"{len(spec.scenarios)}", "`make test`"),
        ("Surfaces that scenarios run on", f"{len(config.surfaces)}", "`make test`"),
        ("Test functions besides", f"{sum(1 for _ in _tests())}", "`make test`"),
        ("Planted defects that the scenarios noticed", f"{caught} of {len(defects)}", "`make defects`"),
    ]
    return _table(("What", "How many", "Command"), rows) + "\n"


def _tests() -> Iterator[str]:
    """The names of all test functions."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node.name


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
