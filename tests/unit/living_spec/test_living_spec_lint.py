"""`living-spec lint`, on features and pages with one thing wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from living_spec.config import read_config
from living_spec.lint import lint

if TYPE_CHECKING:
    from living_spec_project import Project

FEATURE = "features/deleting.feature"
NEW = "\n    @scenario:new\n    Scenario: New\n"


def sentences(project: Project) -> list[str]:
    root = project.root
    found = lint(read_config(root))
    return [f"{problem.path.relative_to(root)}:{problem.line}: {problem.sentence}" for problem in found]


def test_a_project_in_order_has_no_problems(project: Project) -> None:
    assert sentences(project) == []


def test_the_command_passes_where_all_is_in_order(project: Project) -> None:
    done = project.living_spec("lint")
    assert (done.code, done.output) == (0, "")


def test_the_command_names_file_and_line_and_what_keeps_the_steps_from_being_collected(project: Project) -> None:
    project.write("docs/more.md", "# More\n\n::: rule nope\n")
    project.write("tests/conftest.py", "import nothing_of_this_name\n")
    done = project.living_spec("lint")
    assert done.code == 1
    assert done.output.splitlines()[0] == "docs/more.md:3: There is no rule 'nope'."
    assert "No module named 'nothing_of_this_name'" in done.output


@pytest.mark.proves("rule-needs-a-scenario")
@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "Delete each",
            "Delete two of four",
            "22: Line 15 has a scenario of the same name, 'Delete two of four', so one never runs.",
        ),
        ('item "<item>"', 'item "<thing>"', "25: The placeholder <thing> has no column"),
        ('item "<item>"', 'item "one"', "22: No step uses the column 'item'"),
        ('item "1"', 'item "<one>"', "16: The placeholder <one> has no column"),
        ("        | a    |\n        | b    |\n", "", "22: The examples have no row."),
        ("| b    |", "| a    |", "22: Two rows of the examples are the same."),
        ("    @scenario:delete-each\n", "", "21: This scenario has no id tag. Give it exactly one: @scenario:ID."),
        ("  @rule:delete-one\n", "", "9: This rule has no id tag"),
        ("@rule:delete-one", "@rule:delete-one @rule:two", "10: This rule has more than one id tag"),
        ("@scenario:delete-each", "@scenario:delete-two", "22: The scenario id 'delete-two' is already used at"),
        (
            "@scenario:delete-each",
            "@scenario:delete/each",
            "22: The scenario id 'delete/each' has characters other than",
        ),
        ("Not on api:", "Not on api, ui:", "23: There is no surface 'ui'. Choose one of: api, cli."),
        ("Not on api: the API has no loop.", "Not on api", "23: This 'Not on' line gives no reason"),
        ("Not on api: the API has no loop.", "Not on api:", "23: This 'Not on' line gives no reason"),
        ("Not on api:", "Not on :", "23: This 'Not on' line names no surface."),
        ("    @scenario:delete-two\n", NEW + "\n    @scenario:delete-two\n", "16: The scenario 'New' has no steps."),
        (
            "  @rule:delete-one\n",
            "  @rule:empty\n  Rule: Empty\n\n  @rule:delete-one\n",
            "10: The rule 'Empty' has no scenario. Add one.",
        ),
        (
            "Not on api:",
            "Not on api, cli:",
            "22: The scenario 'Delete each' runs on no surface. Exclude fewer surfaces.",
        ),
        (
            "    Why:",
            "    Not on api, cli: later.\n    Why:",
            "10: No scenario of the rule 'Deleting an item deletes that item and no other' runs on any surface.",
        ),
        (
            "      Then it is gone\n",
            "",
            "22: The scenario 'Delete each' has no Then step, so it checks nothing. Add one.",
        ),
        (
            "  @rule:delete-one\n",
            NEW + "      Then it is gone\n\n  @rule:delete-one\n",
            "11: The scenario 'New' belongs to no rule. Move it below one.",
        ),
    ],
)
def test_what_pytest_bdd_lets_pass_in_a_feature_is_named(project: Project, old: str, new: str, problem: str) -> None:
    project.change(FEATURE, old, new)
    assert any(sentence.startswith(f"{FEATURE}:{problem}") for sentence in sentences(project)), sentences(project)


def test_a_feature_that_is_no_gherkin_is_named_with_its_line(project: Project) -> None:
    project.change(FEATURE, "      Then these", "      Gizmo these")
    done = project.living_spec("lint")
    assert done.code == 1
    assert done.output.startswith(f"Error: {FEATURE}:17: This is not valid Gherkin: expected: ")
    assert done.output.count("\n") == 1


def test_an_id_used_twice_is_found_across_files(project: Project) -> None:
    text = (project.root / FEATURE).read_text("utf-8")
    project.write("features/other.feature", text)
    assert (
        "features/other.feature:10: The rule id 'delete-one' is already used at deleting.feature:10. Choose another."
        in sentences(project)
    )


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ("rule nope", "There is no rule 'nope'."),
        ("feature nope", "There is no feature 'nope'."),
        ("scenario nope", "There is no scenario 'nope'."),
        ("transcript nope surface=api", "There is no scenario 'nope'."),
    ],
)
def test_an_unknown_id_in_a_page_is_named(project: Project, block: str, problem: str) -> None:
    project.write("docs/more.md", f"# More\n\n```\n::: rule fenced\n```\n\n::: {block}\n")
    assert sentences(project) == [f"docs/more.md:7: {problem}"]


def test_a_block_that_cannot_be_read_is_named_with_its_page(project: Project) -> None:
    project.write("docs/more.md", '::: rule "delete-one\n')
    done = project.living_spec("lint")
    assert done.code == 1
    assert 'docs/more.md: A quote in `::: rule "delete-one` is not closed.' in done.output


@pytest.mark.proves("uncited-rule-is-named")
def test_a_rule_that_the_guide_does_not_cite_is_named_though_its_feature_is_shown(project: Project) -> None:
    rule = "Deleting an item deletes that item and no other"
    problem = f"{FEATURE}:10: No page of the guide cites the rule {rule!r}. Cite it."
    project.write("docs/index.md", "# Tiny\n")
    assert sentences(project) == [problem]
    project.write("docs/spec/other.md", "# Other\n\n::: rule delete-one\n")
    assert sentences(project) == [problem]
    project.write("docs/guide/deleting.md", "# Guide\n\n1. ::: rule delete-one\n")
    assert sentences(project) == []
