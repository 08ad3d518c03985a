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
    Exit.REGRESSION: "The spec does not hold",
    Exit.FIXED: "The spec holds, and a known issue is fixed: close it",
    Exit.KNOWN: "The spec holds, except for known issues",
    Exit.HOLDS: "The spec holds",
}
_WRONG = (Kind.FAILS.value, Freshness.MISSING.value, Freshness.STALE.value)
_REASON_LENGTH = 300


def summary(findings: Findings) -> str:
    """The summary: heading, counts, and a section for each group of findings."""
    config = findings.proof.spec.config
    names = ", ".join(config.surfaces[surface] for surface in findings.surfaces) or "no surface"
    parts = [
        f"## {_heading(findings)}",
        f"{config.editions[findings.edition]}, on {names}.",
        _counts(findings),
        *_section("Regressions", findings, findings.regressions),
        *_section("Fixed but still listed: close them", findings, findings.of(Kind.FIXED)),
        *_section("Known issues", findings, findings.of(Kind.KNOWN_ISSUE)),
        *_section("Not run", findings, findings.of(Kind.NOT_RUN)),
    ]
    return "\n\n".join(parts) + "\n"


def _heading(findings: Findings) -> str:
    if findings.surfaces_not_run:
        names = " and ".join(findings.proof.spec.config.surfaces[surface] for surface in findings.surfaces_not_run)
        return f"The spec is not proven: nothing was run on {names}"
    heading = _HEADINGS[findings.exit]
    left_out = len(findings.of(Kind.NOT_RUN))
    return f"{heading}; {left_out} not run" if left_out else heading


def _counts(findings: Findings) -> str:
    wrong = Counter(_wrong(found) for found in findings.regressions)
    counted = {word: wrong[word] for word in _WRONG if wrong[word] or word == Kind.FAILS.value} | {
        kind.value: len(findings.of(kind))
        for kind in (Kind.KNOWN_ISSUE, Kind.FIXED, Kind.HOLDS, Kind.NOT_RUN, Kind.NOT_ON_SURFACE)
    }
    head = " | ".join(counted)
    return f"| {head} |\n|{' --- |' * len(counted)}\n| {' | '.join(map(str, counted.values()))} |"


def _wrong(found: Finding) -> str:
    """The word for a regression: "fails", "missing" or "stale"."""
    return Kind.FAILS.value if found.verdict.freshness is Freshness.FRESH else found.verdict.freshness.value


def _section(title: str, findings: Findings, found: Iterable[Finding]) -> Iterator[str]:
    lines = [_line(findings, one) for one in found]
    if lines:
        yield f"### {title}"
        yield "\n".join(lines)


def _line(findings: Findings, found: Finding) -> str:
    surface = findings.proof.spec.config.surfaces[found.surface]
    rule = f"{found.rule.sentence}: " if found.rule else ""
    example = f" (example {found.row + 1})" if found.scenario.examples else ""
    reason = " ".join(found.verdict.reason.split()).replace("`", "'")
    excerpt = reason if len(reason) <= _REASON_LENGTH else f"{reason[:_REASON_LENGTH]}…"
    return f"- {rule}**{found.scenario.name}**{example} on {surface}" + (f"\n  `{excerpt}`" if excerpt else "")
