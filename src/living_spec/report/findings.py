"""The findings of a run: regressions, known issues, fixed issues; and the exit code for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from living_spec.config import SpecError, unknown
from living_spec.results import Freshness, Kind
from living_spec.store import read_asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from living_spec.features import Rule, Scenario
    from living_spec.results import Proof, Verdict


class Exit(IntEnum):
    """The exit codes of `living-spec report`; the first that applies counts."""

    REGRESSION = 1  # an unlisted failure, a missing or stale result, or a surface without any result
    FIXED = 3  # no regression, and an open issue is fixed
    KNOWN = 4  # only scenarios of open issues fail
    HOLDS = 0  # everything that could be run holds


@dataclass(frozen=True)
class Finding:
    """The verdict on one example row of a scenario on a surface."""

    rule: Rule | None
    scenario: Scenario
    row: int
    surface: str
    verdict: Verdict

    @property
    def regression(self) -> bool:
        """Whether it fails without being listed by an open issue."""
        return self.verdict.kind is Kind.FAILS and not self.unproven

    @property
    def unproven(self) -> bool:
        """Whether it has no fresh result."""
        return self.verdict.freshness is not Freshness.FRESH


@dataclass(frozen=True)
class Findings:
    """All findings of a run of an edition, on the surfaces that the run selected."""

    proof: Proof
    edition: str
    surfaces: tuple[str, ...]
    all: tuple[Finding, ...]

    def of(self, kind: Kind) -> list[Finding]:
        """The findings of a kind that have a fresh result."""
        return [found for found in self.all if found.verdict.kind is kind and not found.unproven]

    @property
    def regressions(self) -> list[Finding]:
        """The failures that no open issue lists."""
        return self.of(Kind.FAILS)

    @property
    def unproven(self) -> list[Finding]:
        """The findings without a fresh result."""
        return [found for found in self.all if found.unproven]

    @property
    def surfaces_not_run(self) -> tuple[str, ...]:
        """The surfaces on which no scenario was run."""
        kinds = {name: {found.verdict.kind for found in self.all if found.surface == name} for name in self.surfaces}
        excluded = {Kind.NOT_ON_SURFACE}
        return tuple(
            name
            for name in self.surfaces
            if kinds[name] <= {Kind.NOT_RUN, *excluded} and (kinds[name] != excluded or self.nothing_was_run)
        )

    @property
    def nothing_was_run(self) -> bool:
        """Whether no scenario was run on any surface."""
        return {found.verdict.kind for found in self.all} <= {Kind.NOT_RUN, Kind.NOT_ON_SURFACE}

    @property
    def exit(self) -> Exit:
        """The exit code."""
        if self.regressions or self.unproven or self.nothing_was_run or self.surfaces_not_run:
            return Exit.REGRESSION
        if self.of(Kind.FIXED):
            return Exit.FIXED
        return Exit.KNOWN if self.of(Kind.KNOWN_ISSUE) else Exit.HOLDS


def find(proof: Proof, edition: str, surfaces: Sequence[str]) -> Findings:
    """The findings for the requested results on these surfaces, or, if () is given, on all surfaces of the runs.

    Raises SpecError for an unknown edition or surface.
    """
    config = proof.spec.config
    for word, names, known in (("edition", [edition], config.editions), ("surface", surfaces, config.surfaces)):
        for name in names:
            if name not in known:
                raise SpecError(unknown(word, name, known))
    asked = read_asked(proof.spec, edition)
    seen = {key.surface for key in proof.evidence if key.edition == edition} | {name for name, *_ in asked or ()}
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
            for row in scenario.rows
            if asked is None or (surface, scenario.id, row) in asked
        ),
    )
