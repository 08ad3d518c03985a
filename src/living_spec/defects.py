"""Defects: faults that were put into the software on purpose, to see whether the scenarios notice them.

A project runs its defects itself and writes the results into a file, which the blocks `coverage` and `defects` show.
Each result names the surfaces where a scenario failed ("caught") and where none did ("missed"); other fields are the
project's own.

{"defects": [
    {"id": "all-deleted", "rule": "delete-one", "what": "every item is deleted", "caught": ["api", "cli"], "missed": [],
     "seen": "2026-03-01"}]}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from living_spec.config import SpecError, display_path

if TYPE_CHECKING:
    from living_spec.config import Config


@dataclass(frozen=True)
class Defect:
    """One fault that breaks a rule, and the result of the run with it on the day `seen` (YYYY-MM-DD)."""

    id: str
    rule: str
    what: str
    caught: tuple[str, ...]
    missed: tuple[str, ...]
    seen: str


@dataclass(frozen=True)
class Defects:
    """All defects that were tried."""

    defects: tuple[Defect, ...]

    def of(self, rule: str) -> list[Defect]:
        """The defects of this rule."""
        return [defect for defect in self.defects if defect.rule == rule]


def read_defects(config: Config) -> Defects | None:
    """The defects in the project's file; None if its configuration names none.

    Raises SpecError if the file cannot be read.
    """
    if config.defects is None:
        return None
    try:
        data = json.loads(config.defects.read_text("utf-8"))
        defects = (
            Defect(
                id=one["id"],
                rule=one["rule"],
                what=one["what"],
                caught=tuple(one["caught"]),
                missed=tuple(one["missed"]),
                seen=one["seen"],
            )
            for one in data["defects"]
        )
        return Defects(tuple(defects))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpecError(f"{display_path(config.defects)} cannot be read as a file of defects: {error!r}.") from error
