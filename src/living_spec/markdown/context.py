"""The context of all blocks: the proof, the pages of the features, and warnings of what is not proven."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from living_spec.markdown.markup import Lines, authored, indent, literal, paragraph, result
from living_spec.prose.values import read_values
from living_spec.prose.verdicts import ProofOfProse
from living_spec.results import Freshness, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from living_spec.features import Rule, Scenario
    from living_spec.issues import Issue
    from living_spec.pages import Block
    from living_spec.prose.bindings import Binding
    from living_spec.results import Proof, Verdict

# A child of MkDocs' logger, whose strict mode counts warnings, so that an unproven page fails the build.
_log = logging.getLogger("mkdocs.living_spec")

_NAMED_AT_MOST = 8


@dataclass(frozen=True)
class Context:
    """The proof, and a link to the page of each feature that has one."""

    proof: Proof
    homes: Mapping[str, str]
    proofs_page: str | None = None  # a link to the page with the block `proofs`

    @cached_property
    def prose(self) -> ProofOfProse | None:
        """The proofs of the prose; None if the project has none."""
        return ProofOfProse(self.proof) if self.proof.spec.config.prose else None

    @cached_property
    def bindings(self) -> Mapping[str, Binding]:
        """The bindings of all pages, by sentence. A sentence on two pages has the proofs of both."""
        found: dict[str, Binding] = {}
        for one in (one for of_page in self.prose.pages.values() for one in of_page) if self.prose else ():
            earlier = found.get(one.sentence, one)
            found[one.sentence] = replace(one, proofs=tuple(dict.fromkeys((*earlier.proofs, *one.proofs))))
        return found

    @cached_property
    def anchors(self) -> Mapping[str, str]:
        """The id of each bound sentence on the page of proofs."""
        return {sentence: f"sentence-{number}" for number, sentence in enumerate(self.bindings, 1)}

    @cached_property
    def values(self) -> Mapping[str, str]:
        """The values that pages take from the code."""
        prose = self.proof.spec.config.prose
        return read_values(prose) if prose else {}

    @property
    def edition(self) -> str:
        """The edition that blocks show."""
        return self.proof.spec.config.first_edition

    @property
    def surfaces(self) -> Mapping[str, str]:
        """The surfaces, id -> name."""
        return self.proof.spec.config.surfaces

    def link(self, rule: Rule, text: str) -> str:
        """`text` as a link to the rule, or as plain text if no page shows the rule."""
        home = self.homes.get(self.proof.spec.feature_of(rule).name)
        return f"[{text}]({home}#{rule.id})" if home else text

    def scenario_link(self, scenario: Scenario, text: str) -> str:
        """`text` as a link to the scenario, or as plain text if no page shows it."""
        spec = self.proof.spec
        home = next((self.homes.get(one.name) for one in spec.features if scenario in one.scenarios), None)
        return f"[{text}]({home}#scenario-{scenario.id})" if home else text

    def issue_link(self, issue: Issue, text: str) -> str:
        """`text` as a link to the page of an issue."""
        return f"[{text}](/{issue.path.relative_to(self.proof.spec.config.pages).as_posix()})"

    def where(self, issue: Issue) -> str:
        """The surfaces and editions of an issue, in words."""
        config = self.proof.spec.config
        surfaces = " and ".join(config.surfaces[surface] for surface in issue.surfaces)
        editions = " and ".join(
            config.editions[edition] + ("" if self.proof.run_here(edition) else " (not run here)")
            for edition in issue.editions
        )
        return f"{surfaces}, in the edition {editions}" if len(config.editions) > 1 else surfaces

    def warnings(self, rule: Rule) -> Lines:
        """A warning for each open issue about a rule."""
        lines: Lines = []
        for issue in self.proof.register.issues:
            if issue.open and any(map(issue.about, rule.scenarios)):
                link = self.issue_link(issue, authored(issue.title))
                what = f"**Known issue:** {link}, on {literal(self.where(issue))}."
                lines += paragraph(f"{what} **What to do:** {authored(issue.workaround)}", "spec-issue")
        return lines

    def rule(self, rule: Rule) -> dict[str, Verdict]:
        """The verdict on a rule, by surface."""
        return {surface: self.proof.rule(rule, surface, self.edition) for surface in self.surfaces}

    def scenario(self, scenario: Scenario) -> dict[str, Verdict]:
        """The verdict on a scenario, by surface."""
        return {surface: self.proof.scenario(scenario, surface, self.edition) for surface in self.surfaces}

    def results(self, verdicts: Mapping[str, Verdict], *more: str) -> Lines:
        """A row with an element for each surface and its result, and for each of `more`."""
        parts = [
            f'<span class="spec-surface">{literal(self.surfaces[surface])}</span> {result(verdict)}'
            for surface, verdict in verdicts.items()
        ]
        row = " ".join(f'<span class="spec-on" role="listitem">{part}</span>' for part in [*parts, *more])
        return paragraph(row, "spec-results", role="list")

    def reasons(self, verdicts: Mapping[str, Verdict]) -> Lines:
        """A paragraph for each surface on which it does not run or does not hold, with the reason."""
        lines: Lines = []
        for surface, verdict in verdicts.items():
            if verdict.reason and verdict.kind is not Kind.HOLDS:
                # Reasons from features and issues are prose with Markdown; those from a run are literal.
                text = literal if verdict.kind in (Kind.FAILS, Kind.NOT_RUN) else authored
                name = literal(self.surfaces[surface])
                lines += paragraph(f"{name}: {verdict.kind.value}: {text(verdict.reason)}", "spec-reason")
        return lines


def banner(block: Block, verdicts: Mapping[str, Verdict]) -> Lines:
    """A warning that names the unproven verdicts, logged and returned for the page; no lines if all are proven.

    Where nothing has run yet, the page has a quiet note instead, for a reader who watches the results arrive.
    """
    unproven = {name: verdict for name, verdict in verdicts.items() if verdict.unproven}
    if not unproven:
        return []
    listed = _listed([f"{name} ({why(verdict)})" for name, verdict in unproven.items()])
    warning = warn(block, f"Fresh evidence is missing for {listed}.")
    waiting = paragraph(f"○ not run yet: {literal(_listed([*unproven]))}", "spec-waiting")
    return waiting if all(verdict.waits for verdict in unproven.values()) else warning


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def warn(block: Block, sentence: str) -> Lines:
    """Log a warning, which fails a strict build, and return it for the page."""
    _log.warning("%s: %s", block, sentence)
    return ['!!! warning "Not proven"', "", *indent([literal(sentence)]), ""]


def warn_of_prose(binding: Binding, verdict: Verdict) -> None:
    """Log a warning, which fails a strict build, about a sentence without a fresh proof.

    A proof that this machine cannot run, for example without a browser, only gets a note in the log.
    """
    not_here = verdict.kind is Kind.NOT_RUN and verdict.freshness is Freshness.FRESH
    _log.log(logging.INFO if not_here else logging.WARNING, "Not proven: %r: %s", binding.sentence, why(verdict))


def why(verdict: Verdict) -> str:
    if verdict.freshness is Freshness.FRESH:
        return verdict.kind.value
    if verdict.freshness is Freshness.MISSING:
        return verdict.reason
    return f"{verdict.kind.value}, but stale: the sources have changed since"
