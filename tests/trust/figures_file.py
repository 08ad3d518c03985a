"""The committed file of figures: the last long run of each attack."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from guide.tested import FIGURES, sources_digest
from trust.attack import Attack


@dataclass(frozen=True)
class Part:
    """One run of an attack: its budget and seed, and what it counted and found."""

    attack: str
    budget: int
    seed: int
    seconds: float
    counts: dict[str, int]
    faults: list[str]


def merged(attack: Attack, parts: list[Part], day: str, versions: dict[str, str]) -> dict[str, Any]:
    """The figures of an attack, from all its parts."""
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    return {
        "target": attack.target,
        "unit": attack.unit,
        "never": list(attack.never),
        "counts": dict(sorted(counts.items())),
        "faults": [fault for part in parts for fault in part.faults],
        "runs": [{"budget": part.budget, "seed": part.seed, "seconds": round(part.seconds, 1)} for part in parts],
        "seconds": round(sum(part.seconds for part in parts), 1),
        "day": day,
        "versions": versions,
        "sources": sources_digest(),
    }


def read_figures() -> dict[str, Any]:
    """The figures by the names of their attacks."""
    return dict(json.loads(FIGURES.read_text("utf-8"))) if FIGURES.exists() else {}


def write_figures(figures: dict[str, Any]) -> None:
    """Write them all."""
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
