"""The blocks `coverage` and `defects`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from test_living_spec_pages import render, texts

from living_spec.config import SpecError

if TYPE_CHECKING:
    from living_spec_project import Project

TRIED = {
    "id": "all-gone",
    "rule": "delete-one",
    "what": "every item goes",
    "caught": ["api"],
    "missed": [],
    "seen": "2026-03-01",
}


@pytest.fixture
def at(proven: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The tiny project after its run, as the working folder, with a file of defects."""
    proven.change(
        "pyproject.toml", 'evidence = "build/evidence"', 'evidence = "build/evidence"\ndefects = "tried.json"'
    )
    write(proven, TRIED)
    monkeypatch.chdir(proven.root)
    return proven


def write(project: Project, *tried: object) -> None:
    project.write("tried.json", json.dumps({"defects": tried}))


def test_coverage_shows_what_stands_behind_each_rule(at: Project) -> None:
    page = render("::: coverage")
    assert texts(page, "//th") == ["Rule", "Cited in the guide", "Scenarios", "Defects noticed"]
    assert texts(page, "//td") == ["Deleting an item deletes that item and no other", "Tiny", "2", "1 of 1"]
    assert page.xpath("//td/a/@href") == ["/spec/deleting.md#delete-one", "/index.md"]
    assert not page.xpath("//div[@class='admonition warning']")


@pytest.mark.proves("rule-needs-page-and-scenario")
def test_a_gap_is_a_warning_that_fails_a_strict_build(at: Project) -> None:
    at.write("docs/index.md", "# Tiny\n")
    at.write("docs/coverage.md", "# Coverage\n\n::: coverage\n")
    done = at.mkdocs("--strict")
    assert done.code == 1
    assert "The coverage has gaps: no page of the guide cites delete-one." in done.output


@pytest.mark.proves("rule-needs-page-and-scenario")
def test_a_rule_that_is_shown_on_no_surface_is_a_gap(at: Project) -> None:
    at.change("features/deleting.feature", "    Why:", "    Not on api, cli: later.\n    Why:")
    [banner] = texts(render("::: coverage"), "//div[@class='admonition warning']")
    assert "The coverage has gaps: delete-one runs on no surface." in banner


def test_without_a_file_of_defects_coverage_has_no_column_for_them(at: Project) -> None:
    at.change("pyproject.toml", '\ndefects = "tried.json"', "")
    assert texts(render("::: coverage"), "//th") == ["Rule", "Cited in the guide", "Scenarios"]
    with pytest.raises(SpecError, match="The project has no file of defects"):
        render("::: defects")


def test_defects_show_where_they_were_noticed_and_missed(at: Project) -> None:
    write(at, TRIED, {**TRIED, "what": "nothing goes", "caught": [], "missed": ["cli"]})
    page = render("::: defects")
    rows = [texts(page, f"//tbody/tr[{number}]/td") for number in (1, 2)]
    assert rows[0][::2] == ["every item goes", "API"]
    assert rows[1][::2] == ["nothing goes", "nowhere; missed on CLI"]
    assert texts(render("::: coverage"), "//td")[3] == "1 of 2"


def test_the_caption_gives_the_days_on_which_defects_were_tried(at: Project) -> None:
    write(at, {**TRIED, "seen": "2026-04-01"}, TRIED)
    assert texts(render("::: defects"), "//p") == ["Defects tried between 2026-03-01 and 2026-04-01."]
    write(at, TRIED)
    assert texts(render("::: defects"), "//p") == ["Defects tried on 2026-03-01."]
    write(at)
    assert texts(render("::: coverage"), "//p") == ["No defect has been tried yet."]


def test_a_defect_of_an_unknown_rule_and_a_broken_file_are_errors(at: Project) -> None:
    write(at, {**TRIED, "rule": "delete-won"})
    with pytest.raises(SpecError, match="There is no rule 'delete-won'"):
        render("::: defects")
    at.write("tried.json", "{}")
    with pytest.raises(SpecError, match=r"tried\.json cannot be read as a file of defects"):
        render("::: coverage")
