"""A run against something else: its own evidence, edition and issues, and a report of what it was asked for."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import TYPE_CHECKING

import pytest
from living_spec_project import ISSUE

if TYPE_CHECKING:
    from living_spec_project import Project

PAGE = "docs/known-issues/loses-two.md"
DELETING = "def _(shelf, item, evidence):"
BUG = f"{DELETING}\n    assert not (item == '1' and shelf.startswith('cli')), 'the second one went, too'"


@pytest.fixture
def listed(project: Project) -> Project:
    """The tiny project with the bug, and an open issue about it in the edition `shipped`."""
    project.write(PAGE, ISSUE.replace("[reference]", "[shipped]"))
    project.change("tests/test_tiny.py", DELETING, BUG)
    return project


@pytest.mark.proves("edition-keeps-its-results-and-issues")
def test_an_edition_has_results_of_its_own_and_the_issues_that_name_it(listed: Project) -> None:
    assert listed.pytest("--surface", "cli", "--edition", "shipped").code == 0
    assert [path.name for path in (listed.root / "build/evidence").iterdir() if path.is_dir()] == ["shipped"]
    assert listed.pytest("--surface", "cli").code == 1


@pytest.mark.proves("evidence-elsewhere-is-not-the-sites")
def test_evidence_elsewhere_leaves_that_of_the_site_alone(proven: Project) -> None:
    def kept() -> dict[str, bytes]:
        files = (path for path in (proven.root / "build/evidence").rglob("*") if path.is_file())
        return {str(path): path.read_bytes() for path in files}

    before = kept()
    assert proven.pytest("--surface", "cli", "--evidence", "out/evidence").code == 0
    assert kept() == before
    assert (proven.root / "out/evidence/reference/cli/delete-two.json").is_file()


@pytest.mark.proves("known-issue-in-junit-and-summary")
def test_a_known_issue_is_skipped_in_junit_xml(listed: Project) -> None:
    """And the file of the summary has the Markdown that would be printed."""
    assert listed.pytest("--edition", "shipped", "--surface", "cli", "--junitxml", "out/junit.xml").code == 0
    cases = list(ElementTree.parse(listed.root / "out/junit.xml").iter("testcase"))
    [skipped] = [case for case in cases if case.find("skipped") is not None]
    assert len(cases) == 3
    assert "delete_two" in str(skipped.get("name"))
    assert "known issue loses-two" in str(ElementTree.tostring(skipped))
    printed = listed.living_spec("report", "--edition", "shipped").output
    assert printed.startswith("## The spec holds, except for known issues\n")
    assert listed.living_spec("report", "--edition", "shipped", "--summary", "out/summary.md").output == ""
    assert (listed.root / "out/summary.md").read_text("utf-8") == printed


@pytest.mark.proves("report-of-the-selection")
def test_the_report_covers_the_selected_rule(project: Project) -> None:
    project.change(
        "features/deleting.feature",
        "    @scenario:delete-each",
        "  @rule:delete-more\n  Rule: Each can be deleted\n\n    @scenario:delete-each",
    )
    assert project.pytest("--rule", "delete-more", "--surface", "cli").code == 0
    done = project.living_spec("report")
    assert (done.code, done.output.splitlines()[0]) == (0, "## The spec holds")
    assert "on CLI." in done.output
    assert "\n| 0 | 0 | 0 | 2 | 0 | 0 |\n" in done.output, "the two rows of the one scenario hold"
    (project.root / "build/evidence/reference/cli/delete-each.json").unlink()
    done = project.living_spec("report")
    assert done.code == 1
    assert "| fails | missing |" in done.output
    assert "Delete each" in done.output
    assert "Delete two of four" not in done.output
