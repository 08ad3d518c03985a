"""Compares a failure with the one that a known issue lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from living_spec.evidence import Outcome, failing_check

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pytest

    from living_spec.evidence import StepEvidence
    from living_spec.issues import Issue, Register
    from living_spec.recorder import Recorder


def listing(issues: Iterable[Issue], steps: Sequence[StepEvidence], torn_down: str = "") -> Issue | None:
    """The first of these issues that lists the failure of a test with these steps, or None."""
    return next((issue for issue in issues if not _difference(issue, steps, torn_down)), None)


def differences(issues: Iterable[Issue], steps: Sequence[StepEvidence], torn_down: str = "") -> str:
    """One sentence for each issue: how the failure differs from the listed one."""
    return " ".join(
        f"Known issue {issue.id}: listed, but fails differently: {_difference(issue, steps, torn_down)}."
        for issue in issues
    )


def expect(report: pytest.TestReport, recorder: Recorder, register: Register) -> None:
    """Turn the failure that an open issue expects into a skip, and its absence into a failure.

    Another failure, and the failure of a closed issue, get a note.
    """
    opened = register.open_for(recorder.key)
    if report.passed:
        for fixed in (issue for issue in opened if issue.fixed_by(recorder.key)):
            report.outcome = "failed"
            report.longrepr = (
                f"Known issue {fixed.id} is fixed: this scenario holds. Close it: living-spec issue close {fixed.id}"
            )
    elif report.failed:
        if known := listing(opened, recorder.steps):
            report.outcome = "skipped"
            report.wasxfail = f"known issue {known.id}: {known.title}"
        elif opened:
            report.sections.append(("known issue", differences(opened, recorder.steps)))
        elif closed := listing(register.closed_for(recorder.key), recorder.steps):
            again = f"Issue {closed.id} is closed, but fails again. Fix the bug, or reopen it in {closed.path}."
            report.sections.append(("known issue", again))


def _difference(issue: Issue, steps: Sequence[StepEvidence], torn_down: str) -> str:
    """How the failure differs from the listed one; "" if it does not."""
    if torn_down:
        return "the tear-down failed"
    check = failing_check(steps)
    if check is None:
        return _no_check(steps)
    return "" if re.search(issue.sees, check.seen) else f"the issue sees {issue.sees!r}, the run {check.seen!r}"


def _no_check(steps: Sequence[StepEvidence]) -> str:
    failed = next((step for step in steps if step.outcome is Outcome.FAILED), None)
    if failed is None:
        return "no check of a step failed"
    what = "the check belongs to the set-up" if failed.asserted else "this is a crash or a missing step, not a check"
    return f"{what}: {failed.seen!r}"
