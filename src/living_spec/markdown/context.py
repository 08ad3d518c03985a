"""The context of the blocks of a page: the proof, links, and warnings of what is not proven."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from living_spec.markdown.markup import Lines, authored, indent, literal, paragraph, result
from living_spec.results import Freshness, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from living_spec.features import Rule, Scenario
    from living_spec.issues import Issue
    from living_spec.markdown.site import Site
    from living_spec.pages import Block
    from living_spec.prose.bindings import Binding
    from living_spec.results import Proof, Verdict

# A child of MkDocs' logger, whose strict mode counts warnings, so that an unproven page fails the build.
_log = logging.getLogger("mkdocs.living_spec")

_NAMED_AT_MOST = 8


@dataclass(frozen=True)
class Context:
    """The context of one page. Outside the folder of pages, `page` is None, and the page counts as one of the guide.

    `told` are the ids of the issues that the page has told; `numbers` are those of its marks.
    """

    site: Site
    page: Path | None = None
    told: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=partial(count, 1))

    @property
    def in_guide(self) -> bool:
        """Whether the page belongs to the guide, and not to the spec."""
        return self.page is None or self.proof.spec.config.guide.has(self.page)

    @property
    def proof(self) -> Proof:
        """The spec with its evidence."""
        return self.site.proof

    @property
    def edition(self) -> str:
        """The edition that blocks show."""
        return self.site.edition

    @property
    def surfaces(self) -> Mapping[str, str]:
        """The surfaces, id -> name."""
        return self.proof.spec.config.surfaces

    def link(self, rule: Rule, text: str) -> str:
        """`text` as a link to the rule, or as plain text if no page shows the rule."""
        home = self.site.homes.get(self.proof.spec.feature_of(rule).name)
        return f"[{text}]({home}#{rule.id})" if home else text

    def scenario_link(self, scenario: Scenario, text: str) -> str:
        """`text` as a link to the scenario, or as plain text if no page shows it."""
        spec = self.proof.spec
        home = next((self.site.homes.get(one.name) for one in spec.features if scenario in one.scenarios), None)
        return f"[{text}]({home}#scenario-{scenario.id})" if home else text

    def issue_link(self, issue: Issue, text: str) -> str:
        """`text` as a link to the page of an issue."""
        return f"[{text}](/{issue.path.relative_to(self.proof.spec.config.pages).as_posix()})"

    def where(self, issue: Issue) -> str:
        """The surfaces of an issue, in words; on the pages of the spec, also its editions."""
        config = self.proof.spec.config
        surfaces = " and ".join(config.surfaces[surface] for surface in issue.surfaces)
        editions = " and ".join(
            config.editions[edition].name + ("" if self.proof.run_here(edition) else " (not run here)")
            for edition in issue.editions
        )
        return surfaces if self.in_guide or len(config.editions) == 1 else f"{surfaces}, in the edition {editions}"

    def editions(self, ids: Iterable[str]) -> list[str]:
        """The name of each of these editions and what it is, as inline Markdown; none if the project has only one."""
        known = self.proof.spec.config.editions
        if len(known) == 1:
            return []
        return [f"*{authored(known[id_].name)}*: {authored(known[id_].description)}" for id_ in ids]

    def issues(self, scenarios: Iterable[Scenario]) -> tuple[Issue, ...]:
        """The open issues about any of these scenarios; in the guide, only those of its edition."""
        about = tuple(scenarios)
        return tuple(
            issue
            for issue in self.proof.register.issues
            if issue.open and any(map(issue.about, about)) and (not self.in_guide or self.edition in issue.editions)
        )

    def warnings(self, rule: Rule) -> Lines:
        """A warning for each open issue about a rule, but not on its own page.

        The first one on a page tells the issue; others link to that one.
        """
        lines: Lines = []
        for issue in self.issues(rule.scenarios):
            if issue.path == self.page:
                continue
            if issue.id in self.told:
                lines += paragraph(f"**Known issue:** [{authored(issue.title)}](#issue-{issue.id})", "spec-issue")
                continue
            self.told.add(issue.id)
            link = self.issue_link(issue, authored(issue.title))
            what = f"**Known issue:** {link}, on {literal(self.where(issue))}, since {issue.since}."
            what = " ".join([what, *([] if self.in_guide else self.editions(issue.editions))])
            lines += paragraph(
                f"{what} **What to do:** {authored(issue.workaround)}", "spec-issue", f"#issue-{issue.id}"
            )
        return lines

    def rule(self, rule: Rule) -> dict[str, Verdict]:
        """The verdict on a rule, by surface."""
        return {surface: self._needed(self.proof.rule(rule, surface, self.edition)) for surface in self.surfaces}

    def scenario(self, scenario: Scenario) -> dict[str, Verdict]:
        """The verdict on a scenario, by surface."""
        return {
            surface: self._needed(self.proof.scenario(scenario, surface, self.edition)) for surface in self.surfaces
        }

    def _needed(self, verdict: Verdict) -> Verdict:
        """The verdict; without alarm if a result is missing in another edition than the first, which needs all."""
        optional = self.edition != self.proof.spec.config.first_edition
        missing = verdict.freshness is Freshness.MISSING
        return replace(verdict, freshness=Freshness.FRESH) if optional and missing else verdict

    def results(self, verdicts: Mapping[str, Verdict], *more: str) -> Lines:
        """A row with an element for each surface and its result, and for each of `more`."""
        return self.named_results({self.surfaces[surface]: verdict for surface, verdict in verdicts.items()}, *more)

    def named_results(self, verdicts: Mapping[str, Verdict], *more: str) -> Lines:
        """A row with an element for each name and its result, and for each of `more`."""
        parts = [
            f'<span class="spec-surface">{literal(name)}</span> {result(verdict)}' for name, verdict in verdicts.items()
        ]
        row = " ".join(f'<span class="spec-on" role="listitem">{part}</span>' for part in [*parts, *more])
        return paragraph(row, "spec-results", "role=list", "data-search-exclude")

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
