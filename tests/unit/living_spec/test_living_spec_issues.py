"""Known issues: what they expect of a run, say on pages, and are refused for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lxml.html
import pytest
from living_spec_project import ISSUE

from living_spec.config import SpecError, read_config
from living_spec.issues import read_register
from living_spec.lint import lint
from living_spec.results import Kind
from living_spec.spec import read_spec

if TYPE_CHECKING:
    from living_spec_project import Project

PAGE = "docs/known-issues/loses-two.md"
STEPS = "tests/test_tiny.py"
DELETING = "def _(shelf, item, evidence):"
BUG = f"{DELETING}\n    assert not (item == '1' and shelf.startswith('cli')), 'the second one went, too'"


@pytest.fixture
def listed(project: Project) -> Project:
    """The tiny project with the bug, and an open issue about it."""
    project.write(PAGE, ISSUE)
    project.change(STEPS, DELETING, BUG)
    return project


def kind(project: Project, surface: str = "cli") -> Kind:
    proof = project.proof()
    return proof.scenario(proof.spec.scenario("delete-two"), surface, "reference").kind


def problems(project: Project) -> list[str]:
    return [
        f"{one.path.relative_to(project.root)}:{one.line}: {one.sentence}" for one in lint(read_config(project.root))
    ]


# The run


@pytest.mark.proves("exit-codes-of-pytest", "known-failure-is-expected")
def test_a_listed_failure_does_not_fail_the_run(listed: Project) -> None:
    done = listed.pytest()
    assert done.code == 0, done.output
    assert "3 passed, 1 xfailed" in done.output
    assert kind(listed) is Kind.KNOWN_ISSUE
    assert kind(listed, "api") is Kind.HOLDS
    assert listed.living_spec("check").code == 0


@pytest.mark.proves("exit-codes-of-pytest", "known-failure-is-expected", "fixed-but-listed-is-red")
def test_a_listed_failure_that_passes_fails_the_run_and_says_what_to_do(listed: Project) -> None:
    listed.change(STEPS, BUG, DELETING)
    done = listed.pytest()
    assert done.code == 1
    assert (
        "Known issue loses-two is fixed: this scenario holds. Close it: living-spec issue close loses-two"
        in done.output
    )
    assert kind(listed) is Kind.FIXED
    check = listed.living_spec("check")
    assert check.code == 1
    assert "1 fixed but still listed (delete-two on cli)" in check.output


@pytest.mark.proves("exit-codes-of-pytest")
def test_a_failure_that_is_not_listed_fails_the_run(listed: Project) -> None:
    listed.change(STEPS, "shelf.startswith('cli')", "shelf")
    assert listed.pytest().code == 1
    assert (kind(listed), kind(listed, "api")) == (Kind.KNOWN_ISSUE, Kind.FAILS)


@pytest.mark.proves("only-a-check-counts")
@pytest.mark.parametrize(
    "changes",
    [
        {BUG: DELETING, '"these are left"': '"those are left"'},
        {"    evidence.rename(": "    assert False\n    evidence.rename("},
        {"    assert not (": "    raise OSError('no server')\n    assert not ("},
    ],
    ids=["a step without a definition", "set-up", "a crash"],
)
def test_only_an_assertion_of_the_scenario_counts_as_the_listed_failure(
    listed: Project, changes: dict[str, str]
) -> None:
    for old, new in changes.items():
        listed.change(STEPS, old, new)
    assert listed.pytest("--surface", "cli", "-k", "delete_two").code == 1
    assert kind(listed) is Kind.FAILS


@pytest.mark.proves("closed-issue-must-hold")
def test_a_closed_issue_whose_scenario_fails_fails_the_run_and_is_told(listed: Project) -> None:
    listed.change(PAGE, "status: open", "status: closed")
    done = listed.pytest()
    assert done.code == 1
    assert "Issue loses-two is closed, but fails again. Fix the bug, or reopen it in" in done.output
    proof = listed.proof()
    assert (
        "Issue loses-two is closed, but fails again."
        in proof.scenario(proof.spec.scenario("delete-two"), "cli", "reference").reason
    )
    listed.change(STEPS, BUG, DELETING)
    assert listed.pytest().code == 0
    assert kind(listed) is Kind.HOLDS


@pytest.mark.proves("second-example-of-a-scenario")
def test_one_example_of_a_scenario_can_be_listed(listed: Project) -> None:
    listed.change(PAGE, "[delete-two]", "[delete-each/2]")
    listed.change(STEPS, "item == '1'", "item == 'b'")
    done = listed.pytest()
    assert "3 passed, 1 xfailed" in done.output


@pytest.mark.proves("sometimes-may-hold")
def test_a_scenario_that_fails_only_sometimes_may_hold(listed: Project) -> None:
    listed.change(PAGE, "since:", "sometimes: [delete-two]\nsince:")
    assert listed.pytest().code == 0
    assert kind(listed) is Kind.KNOWN_ISSUE
    listed.change(STEPS, BUG, DELETING)
    assert listed.pytest().code == 0
    assert kind(listed) is Kind.HOLDS


@pytest.mark.proves("rule-and-issue-select-scenarios", "issue-runs-its-first-edition")
def test_an_issue_is_reproduced_by_its_id(listed: Project) -> None:
    """In its first edition, or in the one that is asked for."""
    listed.change(PAGE, "[reference]", "[shipped, reference]")
    for options, editions in (((), {"shipped"}), (("--edition", "reference"), {"shipped", "reference"})):
        done = listed.pytest("--issue", "loses-two", *options)
        assert "1 xfailed" in done.output
        assert "passed" not in done.output
        assert {path.name for path in (listed.root / "build/evidence").glob("*") if path.is_dir()} == editions
    assert (
        "There is no known issue 'loses-tow'. Did you mean 'loses-two'?" in listed.pytest("--issue", "loses-tow").output
    )


@pytest.mark.proves("known-issues-of-its-own")
def test_a_server_can_have_a_register_of_its_own(listed: Project) -> None:
    done = listed.pytest("--known-issues", "elsewhere")
    assert done.code == 4
    assert (
        f"There is no folder {listed.root / 'elsewhere'}. Give the folder with the pages of known issues."
        in done.output
    )
    (listed.root / "elsewhere").mkdir()
    (listed.root / PAGE).rename(listed.root / "elsewhere/loses-two.md")
    assert listed.pytest().code == 1
    assert listed.pytest("--known-issues", "elsewhere").code == 0


# The pages


def article(project: Project, page: str) -> lxml.html.HtmlElement:
    return lxml.html.parse(project.root / "site" / page).getroot().xpath("//article")[0]


def paragraphs(project: Project, page: str) -> list[str]:
    return [" ".join(one.text_content().split()) for one in article(project, page).xpath("./p")]


@pytest.mark.proves("open-issue-warns-beside-the-rule", "open-issues-are-listed")
def test_pages_warn_of_an_open_issue_and_list_it(listed: Project) -> None:
    listed.write("docs/known-issues/index.md", "# Known issues\n\n::: known-issues\n")
    listed.write("docs/matrix.md", "# All\n\n::: matrix\n\n::: summary\n")
    listed.write("docs/other.md", "# Other\n\n::: rule delete-one\n")
    listed.pytest()
    done = listed.mkdocs("--strict")
    assert done.code == 0, done.output
    rule = article(listed, "index.html")
    assert "CLI ⚠ known issue" in " ".join(rule.text_content().split())
    [warning] = rule.xpath("//p[@class='spec-issue']")
    assert "Known issue: The second item goes, too, on CLI, since 2026-03-01." in warning.text_content()
    assert "What to do: Use the API." in warning.text_content()
    assert warning.xpath(".//a/@href") == ["known-issues/loses-two/"]
    assert len(article(listed, "other/index.html").xpath("//p[@class='spec-issue']")) == 1
    assert paragraphs(listed, "known-issues/index.html") == [
        "Reference: The shelf as it should be.",
        "The second item goes, too",
        "CLI, in the edition Reference: open since 2026-03-01",
        "What to do: Use the API.",
    ]
    facts = article(listed, "known-issues/loses-two/index.html")
    assert facts.xpath(".//td/a/@href") == ["../../spec/deleting/#delete-one"]
    assert "--issue loses-two" in facts.text_content()
    everything = article(listed, "matrix/index.html")
    assert [cell.text_content() for cell in everything.xpath(".//th")][-5:] == [
        "holds",
        "known issue",
        "fails",
        "not run",
        "not on this surface",
    ]


def test_an_issue_of_another_edition_alone_is_listed_as_one_of_that_edition(proven: Project) -> None:
    proven.write(PAGE, ISSUE.replace("editions: [reference]", "editions: [shipped]"))
    proven.write("docs/known-issues/index.md", "# Known issues\n\n::: known-issues\n")
    assert proven.mkdocs("--strict").code == 0
    assert paragraphs(proven, "known-issues/index.html")[0] == (
        "No issue is open in Reference, the edition of this guide. Open in other editions:"
    )


def test_a_closed_issue_is_listed_below_and_warns_of_nothing(proven: Project) -> None:
    proven.write(PAGE, ISSUE.replace("open", "closed"))
    proven.write("docs/known-issues/index.md", "# Known issues\n\n::: known-issues\n")
    assert proven.mkdocs("--strict").code == 0
    assert not article(proven, "index.html").xpath("//p[@class='spec-issue']")
    text = " ".join(article(proven, "known-issues/index.html").text_content().split())
    assert "No issue is open." in text
    assert "Closed; their scenarios must hold" in text


@pytest.mark.proves("closed-issue-must-hold")
@pytest.mark.parametrize("state", ["fixed", "back"])
def test_a_register_that_is_wrong_fails_a_strict_build(listed: Project, state: str) -> None:
    if state == "fixed":
        listed.change(STEPS, BUG, DELETING)
    else:
        listed.change(PAGE, "status: open", "status: closed")
    listed.pytest()
    done = listed.mkdocs("--strict")
    assert done.code == 1
    assert {"fixed": "fixed but still listed", "back": "fails"}[state] in done.output


@pytest.mark.proves("edition-not-run-here")
def test_an_edition_that_others_run_is_listed_as_not_run_here_and_fails_no_build(proven: Project) -> None:
    staging = '[tool.living-spec.editions.staging]\nname = "Staging"\ndescription = "The server of the testers."\n\n'
    proven.change("pyproject.toml", "[tool.pytest.ini_options]", f"{staging}[tool.pytest.ini_options]")
    proven.write(PAGE, ISSUE.replace("[reference]", "[staging]"))
    proven.write("docs/known-issues/index.md", "# Known issues\n\n::: known-issues\n\n::: matrix\n\n::: summary\n")
    done = proven.mkdocs("--strict")
    assert done.code == 0, done.output
    for page in ("known-issues/index.html", "known-issues/loses-two/index.html"):
        assert "CLI, in the edition Staging (not run here)" in article(proven, page).text_content()
    assert proven.living_spec("check", "--edition", "staging").code == 1


# What is refused


@pytest.mark.proves("broken-issue-is-named-with-its-line")
@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[delete-two]", "[delete-tow]", "7: There is no scenario 'delete-tow'. Did you mean 'delete-two'?"),
        ("[delete-two]", "[delete-each/3]", "7: There is no scenario 'delete-each/3'"),
        ("[delete-two]", "[]", "7: The field 'scenarios' is missing. Add it."),
        (
            "since:",
            "sometimes: [delete-each]\nsince:",
            "8: 'delete-each' is not one of the issue's scenarios. Add it there, or remove it here.",
        ),
        ("[delete-two]", "delete-two", "7: The field 'scenarios' must be a list: [a, b]."),
        ("surfaces: [cli]", "surfaces: [ui]", "6: There is no surface 'ui'."),
        ("[delete-two]", "[delete-each]", ""),
        ("[reference]", "[staging]", "5: There is no edition 'staging'."),
        ("status: open", "status: opened", "4: The status is 'opened'. Make it open or closed."),
        (
            "id: loses-two",
            "id: loses-tow",
            "2: The id 'loses-tow' differs from the name of the file, 'loses-two'. Make them equal.",
        ),
        ("2026-03-01", "lately", "8: 'lately' is not a date. Write it like 2026-03-01."),
        ("workaround: Use the API.", "", "1: The field 'workaround' is missing. Add it."),
        ("2026-03-01", '"2026-03-01"', ""),
        (ISSUE[: ISSUE.index("# The")], "", "1: The page of an issue must begin with front matter"),
        (
            "workaround:",
            "workround: x\nworkaround:",
            "9: An issue has no field 'workround'. Did you mean 'workaround'?",
        ),
    ],
)
def test_an_issue_that_points_at_nothing_is_named(project: Project, old: str, new: str, problem: str) -> None:
    project.write(PAGE, ISSUE.replace(old, new, 1))
    found = problems(project)
    assert [line for line in found if not line.startswith(f"{PAGE}:{problem}")] == []
    assert bool(found) is bool(problem)
    if problem:  # the plugin and the pages read the register so
        with pytest.raises(SpecError, match=rf"loses-two\.md:{problem.partition(':')[0]}: "):
            read_register(read_spec(read_config(project.root)))


def test_a_run_with_an_issue_that_points_at_nothing_fails(project: Project) -> None:
    project.write(PAGE, ISSUE.replace("[delete-two]", "[delete-tow]"))
    done = project.pytest()
    assert done.code != 0
    assert "loses-two.md:7: There is no scenario 'delete-tow'. Did you mean 'delete-two'?" in done.output


def test_a_scenario_that_is_not_on_the_surface_cannot_fail_there(project: Project) -> None:
    project.write(PAGE, ISSUE.replace("[delete-two]", "[delete-each]").replace("[cli]", "[api]"))
    [problem] = lint(read_config(project.root))
    assert problem.sentence == "The scenario 'delete-each' does not run on the surface 'api'. Remove one of the two."


def test_a_page_without_front_matter_is_one_problem(project: Project) -> None:
    project.write(PAGE, "# It goes\n")
    assert len(problems(project)) == 1


# The commands


def test_the_surfaces_that_an_edition_must_be_run_on_are_named(project: Project) -> None:
    project.write(PAGE, ISSUE.replace("[reference]", "[shipped]"))
    assert project.living_spec("surfaces").output == "api\ncli\n"
    assert project.living_spec("surfaces", "--edition", "shipped").output == "cli\n"
    assert project.living_spec("surfaces", "--edition", "next").code == 2


@pytest.mark.parametrize("id_", ["../evil", "with space", "Evil", "index", "", "x" * 61])
def test_an_id_that_is_no_file_name_is_refused(project: Project, id_: str) -> None:
    words = [id_ if word == "loses-two" else word for word in OPENING]
    done = project.living_spec(*words, "--scenario", "delete-two")
    assert done.code == 1
    assert (
        f"Error: {id_!r} cannot be the id of an issue. Use up to 60 of a-z, 0-9 and '-', but not 'index'."
        in done.output
    )
    assert not list(project.root.rglob("evil.md"))
    project.write("docs/known-issues/With Space.md", ISSUE)
    assert any("With Space.md:2: 'With Space' cannot be the id" in line for line in problems(project))


def test_nothing_is_written_while_another_page_is_broken(project: Project) -> None:
    project.write("docs/known-issues/other.md", "---\nid: [\n---\n")
    done = project.living_spec(*OPENING, "--scenario", "delete-two")
    assert done.code == 1
    assert "docs/known-issues/other.md:1: The front matter is not valid YAML" in done.output
    assert not (project.root / PAGE).exists()


@pytest.mark.proves("known-issues-of-its-own")
def test_every_command_takes_a_register_of_its_own(listed: Project) -> None:
    elsewhere = ("--known-issues", "theirs")
    (listed.root / PAGE).unlink()
    listed.drop_tests()
    for words in (["lint"], ["check"], ["report"], [*OPENING, "--scenario", "delete-two"]):
        done = listed.living_spec(*words, *elsewhere)
        assert (done.code, done.output) == (
            1,
            "Error: There is no folder theirs. Give the folder with the pages of known issues.\n",
        )
    (listed.root / "theirs").mkdir()
    done = listed.living_spec(*OPENING, "--scenario", "delete-two", *elsewhere)
    assert done.output == "theirs/loses-two.md\n"
    assert listed.pytest(*elsewhere).code == 0
    assert listed.living_spec("check", *elsewhere).code == 0
    assert listed.living_spec("check").code == 1
    assert listed.living_spec("issue", "close", "loses-two", *elsewhere).code == 0
    listed.change("theirs/loses-two.md", "[cli]", "[ui]")
    assert "theirs/loses-two.md:6: There is no surface 'ui'." in listed.living_spec("lint", *elsewhere).output


OPENING = (
    "issue",
    "open",
    "loses-two",
    "--title",
    'It "goes"',
    "--surface",
    "cli",
    "--workaround",
    "Wait: it will come.",
)


@pytest.mark.proves("issue-is-a-page", "issue-commands")
def test_an_issue_is_opened_and_closed_by_one_command_each(project: Project) -> None:
    project.change(STEPS, DELETING, BUG)
    assert project.living_spec(*OPENING, "--scenario", "delete-two").output == f"{PAGE}\n"
    [issue] = project.proof().register.issues
    assert (issue.title, issue.open, issue.editions) == ('It "goes"', True, ("reference",))
    assert project.pytest().code == 0
    assert project.living_spec("issue", "close", "loses-two").code == 0
    assert project.pytest().code == 1


def test_an_issue_that_points_at_nothing_is_not_opened(project: Project) -> None:
    done = project.living_spec(*OPENING, "--scenario", "delete-tow")
    assert done.code == 1
    assert "There is no scenario 'delete-tow'. Did you mean 'delete-two'?" in done.output
    assert not (project.root / PAGE).exists()
    assert project.living_spec("issue", "close", "loses-two").code == 1
