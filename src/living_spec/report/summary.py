"""The summary of a run in Markdown, short enough for a comment on a pull request."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from living_spec.report.findings import Exit
from living_spec.results import Freshness, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from living_spec.report.findings import Finding, Findings

_HEADINGS = {
    Exit.FIXED: "The spec holds, and a known issue is fixed: close it",
    Exit.KNOWN: "The spec holds, except for known issues",
    Exit.HOLDS: "The spec holds",
}
_NOTHING = "The spec is not proven: nothing was run"
_STALE = "The result is stale: the sources have changed since."
_REASON_LENGTH = 300


def summary(findings: Findings) -> str:
    """The summary: heading, counts, and a section for each group of findings."""
    config = findings.proof.spec.config
    names = ", ".join(config.surfaces[surface] for surface in findings.surfaces) or "no surface"
    parts = [
        f"## {_heading(findings)}",
        f"{config.editions[findings.edition].name}, on {names}.",
        _counts(findings),
        *_section("Regressions", findings, findings.regressions),
        *_section("Without a fresh result: run them", findings, findings.unproven),
        *_section("Fixed but still listed: close them", findings, findings.of(Kind.FIXED)),
        *_section("Known issues", findings, findings.of(Kind.KNOWN_ISSUE)),
        *_section("Not run", findings, findings.of(Kind.NOT_RUN)),
    ]
    return "\n\n".join(parts) + "\n"


def _heading(findings: Findings) -> str:
    left_out = len(findings.of(Kind.NOT_RUN))
    ending = f"; {left_out} not run" if left_out else ""
    if findings.regressions:
        return f"The spec does not hold{ending}"
    if findings.surfaces_not_run:
        names = " and ".join(findings.proof.spec.config.surfaces[surface] for surface in findings.surfaces_not_run)
        return f"The spec is not proven: nothing was run on {names}"
    if unproven := len(findings.unproven):
        few = "1 result is" if unproven == 1 else f"{unproven} results are"
        return f"The spec is not proven: {few} missing or stale{ending}"
    return f"{_HEADINGS.get(findings.exit, _NOTHING)}{ending}"


def _counts(findings: Findings) -> str:
    unproven = Counter(found.verdict.freshness.value for found in findings.unproven)
    kinds = {
        kind.value: len(findings.of(kind))
        for kind in (Kind.KNOWN_ISSUE, Kind.FIXED, Kind.HOLDS, Kind.NOT_RUN, Kind.NOT_ON_SURFACE)
    }
    counted = {Kind.FAILS.value: len(findings.regressions), **unproven, **kinds}
    head = " | ".join(counted)
    return f"| {head} |\n|{' --- |' * len(counted)}\n| {' | '.join(map(str, counted.values()))} |"


def _section(title: str, findings: Findings, found: Iterable[Finding]) -> Iterator[str]:
    lines = [_line(findings, one) for one in found]
    if lines:
        yield f"### {title}"
        yield "\n".join(lines)


def _line(findings: Findings, found: Finding) -> str:
    surface = findings.proof.spec.config.surfaces[found.surface]
    rule = f"{found.rule.sentence}: " if found.rule else ""
    example = f" (example {found.row + 1})" if found.scenario.examples else ""
    stale = f"{_STALE} " if found.verdict.freshness is Freshness.STALE else ""
    reason = " ".join((stale + found.verdict.reason).split()).replace("`", "'")
    excerpt = reason if len(reason) <= _REASON_LENGTH else f"{reason[:_REASON_LENGTH]}…"
    return f"- {rule}**{found.scenario.name}**{example} on {surface}" + (f"\n  `{excerpt}`" if excerpt else "")
