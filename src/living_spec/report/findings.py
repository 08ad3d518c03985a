"""What a run found, sorted: regressions, known issues, fixed ones; and the exit code that tells them apart."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from living_spec.config import SpecError
from living_spec.results import Kind, Standing
from living_spec.store import read_asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from living_spec.features import Rule, Scenario
    from living_spec.results import Proof, Verdict


class Exit(IntEnum):
    """How `living-spec report` ends; the first that applies."""

    REGRESSION = 1  # something fails that no issue lists, has no fresh result, or a whole surface was not run
    FIXED = 3  # everything holds that should, and an open issue is fixed
    KNOWN = 4  # nothing fails but what open issues list
    HOLDS = 0  # what was not run for a reason does not count against it


@dataclass(frozen=True)
class Finding:
    """What one example of a scenario showed on a surface."""

    rule: Rule | None
    scenario: Scenario
    row: int
    surface: str
    verdict: Verdict

    @property
    def regression(self) -> bool:
        """Whether it fails though no issue lists it, or cannot be relied on."""
        return self.verdict.kind is Kind.FAILS or self.verdict.standing is not Standing.FRESH


@dataclass(frozen=True)
class Findings:
    """All that a run of an edition showed, on the surfaces that it was aimed at."""

    proof: Proof
    edition: str
    surfaces: tuple[str, ...]
    all: tuple[Finding, ...]

    def of(self, kind: Kind) -> list[Finding]:
        """Those of a kind that can be relied on."""
        return [found for found in self.all if found.verdict.kind is kind and not found.regression]

    @property
    def regressions(self) -> list[Finding]:
        """Those that fail or were not run, listed by no issue."""
        return [found for found in self.all if found.regression]

    @property
    def silent(self) -> tuple[str, ...]:
        """The surfaces on which nothing was run: a run that shows nothing there proves nothing."""
        kinds = {name: {found.verdict.kind for found in self.all if found.surface == name} for name in self.surfaces}
        return tuple(name for name in self.surfaces if kinds[name] <= {Kind.NOT_RUN, Kind.NOT_ON_SURFACE})

    @property
    def exit(self) -> Exit:
        """The exit code."""
        if self.regressions or self.silent or not self.all:
            return Exit.REGRESSION
        if self.of(Kind.FIXED):
            return Exit.FIXED
        return Exit.KNOWN if self.of(Kind.KNOWN_ISSUE) else Exit.HOLDS


def find(proof: Proof, edition: str, surfaces: Sequence[str]) -> Findings:
    """What runs were asked for, on these surfaces; on all that they were aimed at where none are named."""
    config = proof.spec.config
    for word, names, known in (("edition", [edition], config.editions), ("surface", surfaces, config.surfaces)):
        for name in names:
            if name not in known:
                raise SpecError(f"There is no {word} {name!r}; known are {', '.join(known)}.")
    asked = read_asked(proof.spec, edition)
    seen = {key.surface for key in proof.evidence if key.edition == edition} | {name for name, _ in asked or ()}
    chosen = tuple(name for name in config.surfaces if name in (surfaces or seen))
    rules = {scenario.id: rule for rule in proof.spec.rules.values() for scenario in rule.scenarios}
    return Findings(
        proof,
        edition,
        chosen,
        tuple(
            Finding(rules.get(scenario.id), scenario, row, surface, proof.row(scenario, row, surface, edition))
            for surface in chosen
            for scenario in proof.spec.scenarios.values()
            if asked is None or (surface, scenario.id) in asked or scenario.not_on(surface) is not None
            for row in scenario.rows
        ),
    )
