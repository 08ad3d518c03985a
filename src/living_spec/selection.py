"""The selection of a run: which scenarios, on which surfaces, in which edition."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from living_spec.config import Config, SpecError, unknown
from living_spec.issues import Register, read_register
from living_spec.spec import Spec, read_spec

if TYPE_CHECKING:
    from collections.abc import Collection

    from living_spec.features import Scenario


@dataclass(frozen=True)
class Selection:
    """The surfaces, in the configured order, and the edition of a run; all scenarios, or those of rules or an issue."""

    config: Config
    surfaces: tuple[str, ...]
    edition: str
    rules: frozenset[str]
    issue: str | None

    @cached_property
    def spec(self) -> Spec:
        """The features; read for the first scenario, so that other tests run without them."""
        return read_spec(self.config)

    @cached_property
    def register(self) -> Register:
        """The known issues."""
        return read_register(self.spec)

    def includes(self, scenario: Scenario, rules: set[str]) -> bool:
        """Whether a scenario that belongs to these rules is selected."""
        if self.issue is not None and not self.register.issue(self.issue).about(scenario):
            return False
        return not self.rules or bool(self.rules & rules)


def select(
    config: Config, surfaces: Collection[str], edition: str | None, rules: Collection[str], issue: str | None
) -> Selection:
    """The selection of these surfaces (() means all), edition, rules and known issue.

    Without surfaces or an edition, an issue selects its surfaces and its first edition. Raises SpecError for an unknown
    name.
    """
    found = read_register(read_spec(config)).issue(issue) if issue else None
    surfaces = surfaces or (found.surfaces if found else config.surfaces)
    edition = edition or (found.editions[0] if found else config.first_edition)
    for word, names, known in (("surface", surfaces, config.surfaces), ("edition", [edition], config.editions)):
        for name in names:
            if name not in known:
                raise SpecError(unknown(word, name, known))
    in_order = tuple(name for name in config.surfaces if name in surfaces)
    selection = Selection(config, in_order, edition, frozenset(rules), issue)
    for rule in rules:
        selection.spec.rule(rule)
    return selection
