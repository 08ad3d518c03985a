"""The defects that a run was seen to notice: a file that a runner of them writes, and pages show.

{"defects": [
    {"id": "all-deleted", "rule": "delete-one", "what": "every item goes", "caught": ["api", "cli"], "missed": [],
     "seen": "2026-03-01", "digest": "…"}]}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from living_spec.config import SpecError

if TYPE_CHECKING:
    from living_spec.config import Config


@dataclass(frozen=True)
class Defect:
    """One way to get a rule wrong, and where the run noticed it: on that day, with sources of that digest."""

    id: str
    rule: str
    what: str
    caught: tuple[str, ...]
    missed: tuple[str, ...]
    seen: str
    digest: str


@dataclass(frozen=True)
class Defects:
    """All that were tried."""

    defects: tuple[Defect, ...]

    def of(self, rule: str) -> list[Defect]:
        """Those that break this rule."""
        return [defect for defect in self.defects if defect.rule == rule]


def read_defects(config: Config) -> Defects | None:
    """The file's content; None where the project names none."""
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
                digest=one["digest"],
            )
            for one in data["defects"]
        )
        return Defects(tuple(defects))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpecError(f"{config.defects} cannot be read as defects: {error!r}") from error
