"""What `make trust` saw, and how large the tests are: the tables of the page "How it is tested"."""

from __future__ import annotations

import ast
import json
from collections import Counter
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
# The faults that the first sentence names; it counts all others together.
_NAMED = {"acknowledged but lost": "lost", "deleted but back": "resurrected", "undocumented 5xx": "undocumented 5xx"}
_OTHERS = "other faults"


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


def summary() -> str:
    """The sum of all attacks in a sentence. A kind of fault is named only if one of them looked for it."""
    figures = _figures()
    if not figures:
        return "No long run has been made yet, so this page has no figures.\n"
    tried, found = Counter[str](), Counter[str]()
    for seen in figures.values():
        tried[seen["unit"]] += seen["counts"].get(seen["unit"], 0)
        for kind in seen["never"]:
            found[_NAMED.get(kind, _OTHERS)] += seen["counts"].get(kind, 0)
    faults = [_counted(found[kind], kind) for kind in (*_NAMED.values(), _OTHERS) if kind in found]
    units = [_counted(number, unit) for unit, number in tried.items()]
    return f"{_counted(len(figures), 'attacks')} found **{_listed(faults)}** in {_listed(units)}.\n"


def attacks() -> str:
    """A row for each attack, with the figures of its last long run."""
    figures = _figures()
    if not figures:
        return ""
    rows = [_row(name, seen) for name, seen in figures.items()]
    older = sorted({seen["day"] for seen in figures.values() if seen["sources"] != sources_digest()})
    note = f"\nThe sources have changed since {older[0]}. Figures of that day are of older code.\n" if older else ""
    return f"{markdown_table(('Attack', 'Tried', 'Found'), rows)}\n{note}"


def _row(name: str, seen: Seen) -> tuple[str, ...]:
    tried = f"{seen['counts'].get(seen['unit'], 0):,} {seen['unit']}<br>{whole(seen['day'])}"
    found = "<br>".join(f"{seen['counts'].get(kind, 0)} {kind}" for kind in seen["never"])
    return f"{seen['target']}<br>`make trust ATTACKS={name}`", tried, found


def _figures() -> dict[str, Seen]:
    return json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}


def _counted(number: int, what: str) -> str:
    """The number with its noun, which is given in the plural."""
    return f"{number:,} {what.removesuffix('s') if number == 1 else what}"


def _listed(words: Sequence[str]) -> str:
    """The words with commas, and "and" before the last."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


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
    return markdown_table(("What", "How many", "Command"), rows) + "\n"


def _tests() -> Iterator[str]:
    """The names of all test functions."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node.name


def whole(text: str) -> str:
    """The text, which no line break divides."""
    return f'<span class="spec-whole">{text}</span>'


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The lines of a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
