"""Verdicts on rules and scenarios: pure decisions over the spec, its evidence and its known issues."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from living_spec.evidence import Key, Outcome, Result
from living_spec.listed import differences, listing
from living_spec.repeats import repetition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from living_spec.features import Rule, Scenario
    from living_spec.issues import Register
    from living_spec.spec import Spec


class Kind(Enum):
    """The kinds of verdict on a rule or scenario on a surface, worst first."""

    FAILS = "fails"
    FIXED = "fixed but still listed"
    KNOWN_ISSUE = "known issue"
    NOT_RUN = "not run"
    HOLDS = "holds"
    NOT_ON_SURFACE = "not on this surface"


NO_RESULT = "there is no result yet"


class Freshness(Enum):
    """Whether the evidence for a verdict exists and belongs to the present sources, worst first."""

    MISSING = "missing"
    STALE = "stale"
    FRESH = "fresh"


@dataclass(frozen=True)
class Verdict:
    """The verdict on one surface, its reason if the kind needs one, and the freshness of its evidence."""

    kind: Kind
    reason: str
    freshness: Freshness

    @property
    def unproven(self) -> bool:
        """Whether a page that shows it must warn the reader."""
        return self.freshness is not Freshness.FRESH or self.kind in (Kind.FAILS, Kind.FIXED)

    @property
    def waits(self) -> bool:
        """Whether it was not run yet. A strict build fails; the page shows this without alarm."""
        return self.freshness is Freshness.MISSING and self.reason == NO_RESULT

    @property
    def proves(self) -> bool:
        """Whether a sentence can rely on it: the run was seen, and it passed."""
        return self.freshness is Freshness.FRESH and self.kind is Kind.HOLDS


@dataclass(frozen=True)
class Proof:
    """The spec with its evidence, its known issues, and the digest of the present sources.

    A key of the evidence has several results if a test ran several times, or several tests ran for it.
    """

    spec: Spec
    evidence: Mapping[Key, tuple[Result, ...]]
    digest: str
    register: Register

    def required(self, edition: str) -> tuple[str, ...]:
        """The surfaces that an edition needs results on: all for the first edition, else those of open issues."""
        config = self.spec.config
        wanted = config.surfaces if edition == config.first_edition else self.register.surfaces(edition)
        return tuple(surface for surface in config.surfaces if surface in wanted)

    def run_here(self, edition: str) -> bool:
        """Whether the edition is run here; one that is run elsewhere has no evidence."""
        return edition == self.spec.config.first_edition or any(key.edition == edition for key in self.evidence)

    def relied_on(self, edition: str) -> tuple[str, ...]:
        """The surfaces that pages rely on: the required ones of an edition that is run here."""
        return self.required(edition) if self.run_here(edition) else ()

    def covered(self, edition: str) -> tuple[str, ...]:
        """The surfaces that pages show: those relied on, and those with evidence."""
        seen = {key.surface for key in self.evidence if key.edition == edition} | set(self.relied_on(edition))
        return tuple(surface for surface in self.spec.config.surfaces if surface in seen)

    def row(self, scenario: Scenario, row: int, surface: str, edition: str) -> Verdict:
        """The verdict on one example row on a surface; of several results the worst counts."""
        reason = scenario.not_on(surface)
        if reason is not None:
            return Verdict(Kind.NOT_ON_SURFACE, reason, Freshness.FRESH)
        results = self.evidence.get(Key(edition, surface, scenario.id, row), ())
        if not results:
            return Verdict(Kind.NOT_RUN, NO_RESULT, Freshness.MISSING)
        worst = combine(Verdict(*judge(result, self.register), self.freshness(result)) for result in results)
        if len(results) == 1:
            return worst
        return replace(worst, reason=f"{worst.reason} {repetition(result.test for result in results)}".strip())

    def freshness(self, result: Result) -> Freshness:
        """Whether a result belongs to the present sources."""
        return Freshness.FRESH if result.digest == self.digest else Freshness.STALE

    def scenario(self, scenario: Scenario, surface: str, edition: str) -> Verdict:
        """The verdict on all rows of a scenario on a surface."""
        return combine(self.row(scenario, row, surface, edition) for row in scenario.rows)

    def rule(self, rule: Rule, surface: str, edition: str) -> Verdict:
        """The verdict on all scenarios of a rule on a surface."""
        return combine(self.scenario(scenario, surface, edition) for scenario in rule.scenarios)

    def worst(self, key: Key) -> Result | None:
        """The result with the worst verdict; None without a result."""
        kinds = list(Kind)
        results = self.evidence.get(key, ())
        return min(results, key=lambda result: kinds.index(judge(result, self.register)[0]), default=None)

    def results(self, scenario: Scenario, surface: str, edition: str) -> tuple[Result, ...]:
        """All results of a scenario on a surface, in the order of its rows."""
        keys = (Key(edition, surface, scenario.id, row) for row in scenario.rows)
        return tuple(result for key in keys for result in self.evidence.get(key, ()))


def judge(result: Result, register: Register) -> tuple[Kind, str]:
    """The kind of verdict that a result gives with these known issues, and its reason."""
    kind = _KINDS[result.outcome]
    opened = register.open_for(result.key)
    if kind is Kind.HOLDS:
        fixed = next((issue for issue in opened if issue.fixed_by(result.key)), None)
        return (Kind.FIXED, f"{fixed.title} ({fixed.id}). The issue is fixed: close it.") if fixed else (kind, "")
    if kind is Kind.FAILS:
        if issue := listing(opened, result.steps, result.torn_down):
            return Kind.KNOWN_ISSUE, f"{issue.title}."
        closed = listing(register.closed_for(result.key), result.steps, result.torn_down)
        again = f"Issue {closed.id} is closed, but fails again." if closed else ""
        different = differences(opened, result.steps, result.torn_down)
        return kind, " ".join(filter(None, (again, different, result.reason)))
    return kind, result.reason


_KINDS = {Outcome.PASSED: Kind.HOLDS, Outcome.FAILED: Kind.FAILS, Outcome.NOT_RUN: Kind.NOT_RUN}


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on the whole: the worst kind and freshness of the parts, with the reasons of the worst kind.

    "Not on this surface" is the verdict only if all parts have it. Without parts the verdict is "not run".
    """
    parts = list(verdicts)
    if not parts:
        return Verdict(Kind.NOT_RUN, "there is no scenario yet", Freshness.MISSING)
    kind = next(kind for kind in Kind if any(part.kind is kind for part in parts))
    freshness = next(freshness for freshness in Freshness if any(part.freshness is freshness for part in parts))
    reasons = dict.fromkeys(part.reason for part in parts if part.kind is kind and part.reason)
    return Verdict(kind, " ".join(reasons), freshness)
