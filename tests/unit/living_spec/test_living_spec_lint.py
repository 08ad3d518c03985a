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


def test_the_command_names_file_and_line_and_fails(project: Project) -> None:
    assert project.living_spec("lint").code == 0
    project.change("docs/index.md", "delete-one", "nope")
    done = project.living_spec("lint")
    assert done.code == 1
    assert done.output == "docs/index.md:3: There is no rule 'nope'.\n"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("Delete each", "Delete two of four", "22: A scenario named 'Delete two of four' stands at line 15"),
        ('item "<item>"', 'item "<thing>"', "25: The placeholder <thing> has no column"),
        ('item "<item>"', 'item "one"', "22: No step uses the column 'item'"),
        ('item "1"', 'item "<one>"', "16: The placeholder <one> has no column"),
        ("        | a    |\n        | b    |\n", "", "22: The examples have no row."),
        ("| b    |", "| a    |", "22: Two rows of the examples are the same."),
        ("    @scenario:delete-each\n", "", "21: This scenario has no id tag: it needs one @scenario:ID."),
        ("  @rule:delete-one\n", "", "9: This rule has no id tag"),
        ("@rule:delete-one", "@rule:delete-one @rule:two", "10: This rule has more than one id tag"),
        ("@scenario:delete-each", "@scenario:delete-two", "22: The scenario id 'delete-two' is used already at"),
        ("Not on api:", "Not on api, ui:", "23: There is no surface 'ui'; the surfaces are api, cli."),
        ("Not on api: the API has no loop.", "Not on api", "23: This 'Not on' line gives no reason"),
        ("Not on api: the API has no loop.", "Not on api:", "23: This 'Not on' line gives no reason"),
        ("Not on api:", "Not on :", "23: This 'Not on' line names no surface."),
        ("    @scenario:delete-two\n", NEW + "\n    @scenario:delete-two\n", "16: The scenario 'New' has no steps."),
        (
            "  @rule:delete-one\n",
            "  @rule:empty\n  Rule: Empty\n\n  @rule:delete-one\n",
            "10: No scenario shows the rule 'Empty'.",
        ),
    ],
)
def test_what_pytest_bdd_lets_pass_in_a_feature_is_named(project: Project, old: str, new: str, problem: str) -> None:
    project.change(FEATURE, old, new)
    assert any(sentence.startswith(f"{FEATURE}:{problem}") for sentence in sentences(project)), sentences(project)


def test_an_id_used_twice_is_found_across_files(project: Project) -> None:
    text = (project.root / FEATURE).read_text("utf-8")
    project.write("features/other.feature", text)
    assert "features/other.feature:10: The rule id 'delete-one' is used already at deleting.feature:10." in sentences(
        project
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
    assert 'docs/more.md: In `::: rule "delete-one` a quote does not end.' in done.output


def test_a_rule_that_no_page_cites_is_named(project: Project) -> None:
    project.write("docs/index.md", "# Tiny\n")
    assert sentences(project) == []
    project.write("docs/spec/deleting.md", "# Spec\n")
    rule = "Deleting an item deletes that item and no other"
    assert sentences(project) == [f"{FEATURE}:10: No page cites the rule {rule!r}."]
