"""The blocks `known-issues` and `known-issue`: the issues, their surfaces and editions, and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from living_spec.markdown.context import banner
from living_spec.markdown.markup import authored, literal, paragraph, table
from living_spec.results import Freshness, Kind, Verdict, combine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from living_spec.features import Rule
    from living_spec.issues import Issue
    from living_spec.markdown.context import Context
    from living_spec.markdown.markup import Lines
    from living_spec.pages import Block


def known_issues(context: Context, block: Block) -> Lines:
    """`::: known-issues`: the open issues, then the closed ones."""
    block.expect(0)
    issues = context.proof.register.issues
    opened = [issue for issue in issues if issue.open]
    closed = [issue for issue in issues if not issue.open]
    lines = banner(block, {issue.id: _verdict(context, issue) for issue in issues})
    lines += _elsewhere(context, opened) if opened else paragraph("No issue is open.", "spec-caption")
    named = [
        edition for edition in context.proof.spec.config.editions if any(edition in one.editions for one in issues)
    ]
    for line in context.editions(named):
        lines += paragraph(line, "spec-caption")
    lines += _listed(context, opened)
    if closed:
        lines += [
            *paragraph("Closed; their scenarios must hold:", "spec-caption"),
            *_listed(context, closed),
        ]
    return lines


def known_issue(context: Context, block: Block) -> Lines:
    """`::: known-issue ID`: a table of one issue, for its own page."""
    issue = context.proof.register.issue(block.argument())
    several = len(context.proof.spec.config.editions) > 1
    rows = [
        ["State", f"open since {issue.since}" if issue.open else f"closed; was open since {issue.since}"],
        ["Where", literal(context.where(issue))],
        *([["Edition", "<br>".join(context.editions(issue.editions))]] if several else []),
        ["Rules", "<br>".join(context.link(rule, authored(rule.sentence)) for rule in _rules(context, issue))],
        ["Scenarios", ", ".join(f"`{name}`" for name in issue.scenarios)],
        *([["What the run sees", f'<code class="spec-wraps">{literal(issue.sees)}</code>']] if issue.sees else []),
        ["What to do", _on_its_own_line(issue.workaround)],
        ["Reproduce it", f"`.venv/bin/pytest tests/acceptance --issue {issue.id}`"],
    ]
    return [
        *banner(block, {issue.id: _verdict(context, issue)}),
        *table(["Known issue", literal(issue.id)], rows),
    ]


def _elsewhere(context: Context, opened: Iterable[Issue]) -> Lines:
    """That the edition of the page has no open issue, if only others have."""
    if any(context.edition in issue.editions for issue in opened):
        return []
    name = literal(context.proof.spec.config.editions[context.edition].name)
    return [f"**No issue is open in {name}**, the edition of this guide. Open in other editions:", ""]


def _listed(context: Context, issues: Iterable[Issue]) -> Lines:
    lines: Lines = []
    for issue in issues:
        lines += paragraph(context.issue_link(issue, authored(issue.title)), "spec-listed", f"#issue-{issue.id}")
        state = f"open since {issue.since}" if issue.open else f"closed; was open since {issue.since}"
        lines += paragraph(f"{literal(context.where(issue))}: {state}", "spec-caption")
        lines += [f"What to do: {_on_its_own_line(issue.workaround)}", ""]
    return lines


def _on_its_own_line(workaround: str) -> str:
    """The workaround in Markdown, with a command at its end on a line of its own, which wraps."""
    text = " ".join(workaround.split())
    command = re.search(r"(?<=: )`([^`]+)`(?=\.?$)", text)
    if not command:
        return authored(text)
    return f'{authored(text[: command.start()].rstrip())}<br><code class="spec-wraps">{literal(command[1])}</code>'


def _rules(context: Context, issue: Issue) -> list[Rule]:
    return [rule for rule in context.proof.spec.rules.values() if any(map(issue.about, rule.scenarios))]


def _verdict(context: Context, issue: Issue) -> Verdict:
    """The verdict on the scenarios of an issue, on its surfaces, in its editions that are run here."""
    editions = [edition for edition in issue.editions if context.proof.run_here(edition)]
    if not editions:
        return Verdict(Kind.NOT_RUN, "not run here", Freshness.FRESH)
    return combine(
        context.proof.scenario(scenario, surface, edition)
        for scenario in context.proof.spec.scenarios.values()
        if issue.about(scenario)
        for surface in issue.surfaces
        for edition in editions
    )
