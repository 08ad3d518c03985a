"""The blocks `matrix` and `summary`: all results at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from living_spec_project import ISSUE
from test_living_spec_pages import in_spec, render, texts

if TYPE_CHECKING:
    from living_spec_project import Project


@pytest.fixture
def at(proven: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The tiny project after its run, as the working folder."""
    monkeypatch.chdir(proven.root)
    return proven


@pytest.mark.proves("matrix-shows-results-and-time")
def test_the_matrix_has_a_column_for_each_surface_and_says_when_the_run_was(at: Project) -> None:
    page = in_spec(at, "::: matrix")
    assert texts(page, "//th") == ["Rule", "API", "CLI"]
    assert texts(page, "//td")[1:] == ["✓ holds", "✓ holds"]
    assert not texts(page, "//div")
    assert page.xpath("//td/a/@href") == ["/spec/deleting.md#delete-one"]
    [caption] = texts(page, "//p[@class='spec-caption']")
    assert at.proof().digest[:12] in caption
    assert " UTC" in caption


def test_the_matrix_names_the_edition_where_several_were_run_and_relies_on_none_but_the_first(at: Project) -> None:
    assert at.pytest("--edition", "shipped", "--surface", "cli").code == 0
    (at.root / "build/evidence/shipped/cli/delete-two.json").unlink()
    page = in_spec(at, "::: matrix")
    assert texts(page, "//th") == ["Rule", "API, Reference", "CLI, Reference", "CLI, Shipped"]
    assert texts(page, "//td")[1:] == ["✓ holds", "✓ holds", "○ not run"]
    assert not texts(page, "//div")


def test_the_matrix_relies_on_what_an_open_issue_speaks_of(at: Project) -> None:
    at.write("docs/known-issues/loses-two.md", ISSUE.replace("[reference]", "[shipped]"))
    assert at.pytest("--edition", "shipped", "-k", "delete_each").code == 0
    page = in_spec(at, "::: matrix")
    assert texts(page, "//th") == ["Rule", "API, Reference", "CLI, Reference", "CLI, Shipped"]
    assert texts(page, "//p[@class='spec-waiting']") == ["○ not run yet: delete-one on CLI, Shipped"]


def test_the_summary_counts_results_for_each_surface(at: Project) -> None:
    page = render("::: summary")
    assert texts(page, "//p[@class='spec-summary']") == ["1 rule, 2 scenarios."]
    assert texts(page, "//tr")[1:] == ["API 1 0 0 1", "CLI 2 0 0 0"]


@pytest.mark.proves("matrix-shows-results-and-time")
def test_the_matrix_says_what_each_edition_is(at: Project) -> None:
    assert at.pytest("--edition", "shipped", "--surface", "cli").code == 0
    captions = texts(in_spec(at, "::: matrix"), "//p[@class='spec-caption']")
    assert captions[:2] == ["Reference: The shelf as it should be.", "Shipped: The shelf with its bugs."]


def test_the_guide_counts_the_results_of_its_own_edition_only(at: Project) -> None:
    assert at.pytest("--edition", "shipped", "--surface", "cli").code == 0
    assert texts(render("::: matrix"), "//th") == ["Rule", "API", "CLI"]
    assert texts(render("::: summary"), "//tr/td[1]") == ["API", "CLI"]
