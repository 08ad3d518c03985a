"""What the evidence says of a rule or a scenario: pure decisions over the spec and the results read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from living_spec.evidence import Key, Outcome, Result, noticed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from living_spec.features import Rule, Scenario
    from living_spec.issues import Register
    from living_spec.spec import Spec


class Kind(Enum):
    """The closed set of what can be said of a rule or scenario on a surface, worst first."""

    FAILS = "fails"
    FIXED = "fixed but still listed"
    KNOWN_ISSUE = "known issue"
    NOT_RUN = "not run"
    HOLDS = "holds"
    NOT_ON_SURFACE = "not on this surface"


class Standing(Enum):
    """How far a verdict can be relied on, worst first."""

    MISSING = "missing"
    STALE = "stale"
    FRESH = "fresh"


@dataclass(frozen=True)
class Verdict:
    """What holds on one surface, the reason where the kind needs one, and how fresh the evidence is."""

    kind: Kind
    reason: str
    standing: Standing

    @property
    def unproven(self) -> bool:
        """Whether a page that relies on it must warn its reader."""
        return self.standing is not Standing.FRESH or self.kind in (Kind.FAILS, Kind.FIXED)


@dataclass(frozen=True)
class Proof:
    """The spec with its evidence, its known issues, and the digest that fresh results carry."""

    spec: Spec
    evidence: Mapping[Key, Result]
    digest: str
    register: Register

    def required(self, edition: str) -> tuple[str, ...]:
        """The surfaces that an edition must have been run on: all for the first, else those of open issues."""
        config = self.spec.config
        wanted = config.surfaces if edition == config.first_edition else self.register.surfaces(edition)
        return tuple(surface for surface in config.surfaces if surface in wanted)

    def kept(self, edition: str) -> bool:
        """Whether evidence of an edition is kept here; of one that only others run there is none."""
        return edition == self.spec.config.first_edition or any(key.edition == edition for key in self.evidence)

    def relied_on(self, edition: str) -> tuple[str, ...]:
        """The surfaces that pages rely on: those required, of an edition that is kept here."""
        return self.required(edition) if self.kept(edition) else ()

    def covered(self, edition: str) -> tuple[str, ...]:
        """The surfaces that there is something to say about: those relied on, and those with evidence."""
        seen = {key.surface for key in self.evidence if key.edition == edition} | set(self.relied_on(edition))
        return tuple(surface for surface in self.spec.config.surfaces if surface in seen)

    def row(self, scenario: Scenario, row: int, surface: str, edition: str) -> Verdict:
        """What one example row showed on a surface."""
        reason = scenario.not_on(surface)
        if reason is not None:
            return Verdict(Kind.NOT_ON_SURFACE, reason, Standing.FRESH)
        result = self.evidence.get(Key(edition, surface, scenario.id, row))
        if result is None:
            return Verdict(Kind.NOT_RUN, "no run has shown it yet", Standing.MISSING)
        standing = Standing.FRESH if result.digest == self.digest else Standing.STALE
        return Verdict(*judge(result, self.register), standing)

    def scenario(self, scenario: Scenario, surface: str, edition: str) -> Verdict:
        """What all rows of a scenario showed on a surface."""
        return combine(self.row(scenario, row, surface, edition) for row in scenario.rows)

    def rule(self, rule: Rule, surface: str, edition: str) -> Verdict:
        """What all scenarios of a rule showed on a surface."""
        return combine(self.scenario(scenario, surface, edition) for scenario in rule.scenarios)

    def results(self, scenario: Scenario, surface: str, edition: str) -> tuple[Result, ...]:
        """The results there are of a scenario on a surface, by row."""
        keys = (Key(edition, surface, scenario.id, row) for row in scenario.rows)
        return tuple(self.evidence[key] for key in keys if key in self.evidence)


def judge(result: Result, register: Register) -> tuple[Kind, str]:
    """What a result means, given what is known, and the reason for it."""
    kind = _KINDS[result.outcome]
    issue = register.open_for(result.key)
    if issue is None or kind is Kind.NOT_RUN:
        closed = register.closed_for(result.key)
        back = f"Issue {closed.id} is closed, and is back. " if closed and kind is Kind.FAILS else ""
        return kind, back + result.reason
    if kind is Kind.HOLDS:
        return (Kind.FIXED, f"{issue.title} ({issue.id}): close it.") if issue.fixed_by(result.key) else (kind, "")
    return (Kind.KNOWN_ISSUE, f"{issue.title}.") if noticed(result.steps) else (kind, result.reason)


_KINDS = {Outcome.PASSED: Kind.HOLDS, Outcome.FAILED: Kind.FAILS, Outcome.NOT_RUN: Kind.NOT_RUN}


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on the whole: the worst kind of its parts, with the reasons of the parts of that kind.

    Parts that are not on the surface count only when all are; no parts at all is "not run".
    """
    parts = list(verdicts)
    if not parts:
        return Verdict(Kind.NOT_RUN, "no scenario shows it yet", Standing.MISSING)
    kind = next(kind for kind in Kind if any(part.kind is kind for part in parts))
    standing = next(standing for standing in Standing if any(part.standing is standing for part in parts))
    reasons = dict.fromkeys(part.reason for part in parts if part.kind is kind and part.reason)
    return Verdict(kind, " ".join(reasons), standing)
