"""The defects that a run was seen to notice: a file that a runner of them writes, and pages show.

{"seen": "2026-03-01", "digest": "…", "defects": [
    {"id": "all-deleted", "rule": "delete-one", "what": "every item goes", "caught": ["api", "cli"], "missed": []}]}
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
    """One way to get a rule wrong, and the surfaces on which the run noticed it."""

    id: str
    rule: str
    what: str
    caught: tuple[str, ...]
    missed: tuple[str, ...]


@dataclass(frozen=True)
class Defects:
    """All that were tried, on that day, with sources of that digest."""

    seen: str
    digest: str
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
            Defect(one["id"], one["rule"], one["what"], tuple(one["caught"]), tuple(one["missed"]))
            for one in data["defects"]
        )
        return Defects(data["seen"], data["digest"], tuple(defects))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpecError(f"{config.defects} cannot be read as defects: {error!r}") from error
