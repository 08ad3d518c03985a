"""Which failures count as the one that a known issue lists, and what is said of the others."""

from __future__ import annotations

import html

import pytest
from living_spec_project import FEATURE, ISSUE, STEPS, Project

from living_spec.config import read_config
from living_spec.lint import lint
from living_spec.results import Kind

PAGE = "docs/known-issues/loses-two.md"
TESTS = "tests/test_tiny.py"
DELETING = "def _(shelf, item, evidence):\n"
SHORT = "assert 1 - 6 == 0, 'the second one went, too'"
SEES = 'sees: "the second one went"\nsince:'


@pytest.fixture
def listed(project: Project) -> Project:
    """The tiny project with a bug on all surfaces, and an open issue that says on the CLI what is seen."""
    project.write(PAGE, ISSUE.replace("since:", SEES))
    project.change(TESTS, DELETING, f"{DELETING}    {SHORT}\n")
    return project


def kind(project: Project) -> Kind:
    proof = project.proof()
    return proof.scenario(proof.spec.scenario("delete-two"), "cli", "reference").kind


def run(project: Project) -> str:
    return project.pytest("--surface", "cli", "-k", "delete_two").output


# What the issue sees


@pytest.mark.proves("listed-failure-is-known")
def test_the_failure_that_the_issue_sees_is_known(listed: Project) -> None:
    assert "1 xfailed" in run(listed)
    assert kind(listed) is Kind.KNOWN_ISSUE


@pytest.mark.proves("without-sees-every-check-counts")
def test_without_a_pattern_every_failing_check_counts(listed: Project) -> None:
    listed.change(PAGE, SEES, "since:")
    assert "1 xfailed" in run(listed)
    listed.change(TESTS, SHORT, "assert not 'anything else', 'all are gone'")
    assert "1 xfailed" in run(listed)
    assert kind(listed) is Kind.KNOWN_ISSUE


@pytest.mark.proves("sees-step-and-message")
def test_the_issue_may_see_the_step(listed: Project) -> None:
    listed.change(PAGE, "the second one went", 'When item \\"1\\" is deleted')
    assert "1 xfailed" in run(listed)
    listed.change(PAGE, 'item \\"1\\"', 'item \\"2\\"')
    assert "1 failed" in run(listed)


@pytest.mark.proves("report-exits-1", "other-failure-is-red")
def test_another_failure_is_a_regression_and_the_report_says_why(listed: Project) -> None:
    listed.change(TESTS, SHORT, "assert 1 - 1000 == 0, 'all are gone'")
    output = run(listed)
    assert "1 failed" in output
    said = (
        "Known issue loses-two: listed, but fails differently: the issue sees 'the second one went',"
        ' the run \'When item "1" is deleted: AssertionError: all are gone'
    )
    assert said in output
    assert kind(listed) is Kind.FAILS
    report = listed.living_spec("report")
    assert report.code == 1
    assert said.replace("\\", "") in report.output
    listed.mkdocs()
    page = html.unescape((listed.root / "site/spec/deleting/index.html").read_text("utf-8"))
    assert "CLI: fails: Known issue loses-two: listed, but fails differently" in page
    page = html.unescape((listed.root / "site/known-issues/loses-two/index.html").read_text("utf-8"))
    assert "the second one went" in page


def test_of_two_issues_the_one_that_sees_it_lists_it(listed: Project) -> None:
    listed.write("docs/known-issues/loses-all.md", ISSUE.replace("loses-two", "loses-all").replace("since:", SEES))
    listed.change("docs/known-issues/loses-all.md", "the second one went", "all are gone")
    assert "known issue loses-two" in listed.pytest("--surface", "cli", "-k", "delete_two", "-rx").output
    listed.change(TESTS, "the second one went, too", "all are gone")
    assert "known issue loses-all" in listed.pytest("--surface", "cli", "-k", "delete_two", "-rx").output


@pytest.mark.proves("closed-issue-is-back")
def test_a_closed_issue_is_back_only_where_it_is_seen_again(listed: Project) -> None:
    listed.change(PAGE, "status: open", "status: closed")
    assert "Issue loses-two is closed, but fails again." in run(listed)
    listed.change(TESTS, "the second one went, too", "all are gone")
    output = run(listed)
    assert "1 failed" in output
    assert "fails again" not in output


@pytest.mark.parametrize(
    ("sees", "problem"),
    [
        ("'a (b'", "The field 'sees' is not a regular expression: missing ), unterminated subpattern at position 2."),
        ("'.*'", "The field 'sees' matches every failure. Write what the failing check says."),
        ("''", "The field 'sees' matches every failure. Write what the failing check says."),
        ("5", "The field 'sees' must be a text: a regular expression for what the failing check says."),
    ],
)
def test_a_pattern_that_says_nothing_is_refused(listed: Project, sees: str, problem: str) -> None:
    listed.change(PAGE, '"the second one went"', sees)
    [found] = lint(read_config(listed.root))
    assert (found.line, found.sentence[: len(problem)]) == (8, problem)


# What counts as a check


@pytest.mark.proves("only-a-check-counts")
@pytest.mark.parametrize(
    "check",
    [
        "import pytest; pytest.fail('the second one went, too')",
        "import pytest\n    with pytest.raises(ValueError, match='the second one went'): pass",
        "class Gone(AssertionError): pass\n    raise Gone('the second one went, too')",
    ],
    ids=["pytest.fail", "DID NOT RAISE", "a subclass of AssertionError"],
)
def test_every_failing_check_counts(listed: Project, check: str) -> None:
    listed.change(PAGE, "the second one went", "the second one went|DID NOT RAISE")
    listed.change(TESTS, SHORT, check)
    assert "1 xfailed" in run(listed)
    assert kind(listed) is Kind.KNOWN_ISSUE


@pytest.mark.proves("only-a-check-counts", "other-failure-is-named")
@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (SHORT, "raise OSError('the second one went, too')", "this is a crash or a missing step, not a check: 'When"),
        (SHORT, "import pytest; pytest.xfail('the second one went, too')", ""),
        ('"a shelf", ', '"a bed", ', "this is a crash or a missing step, not a check: 'Given a shelf: Step definition"),
        (
            "    evidence.rename(",
            "    assert False, 'the second one went'\n    evidence.rename(",
            "the check belongs to the set-up: 'Given a shelf: AssertionError: the second one went",
        ),
    ],
    ids=["a crash", "pytest.xfail", "a missing step", "set-up"],
)
def test_a_failure_that_does_not_count_is_named_with_the_reason(listed: Project, old: str, new: str, why: str) -> None:
    listed.change(TESTS, old, new)
    output = run(listed)
    assert kind(listed) is Kind.FAILS
    if why:
        assert "1 failed" in output
        assert f"Known issue loses-two: listed, but fails differently: {why}" in output


@pytest.mark.proves("only-a-check-counts", "other-failure-is-named")
def test_a_tear_down_that_fails_after_the_listed_failure_is_not_swallowed(listed: Project) -> None:
    listed.write(
        "tests/conftest.py",
        "import pytest\n\n@pytest.fixture(autouse=True)\ndef broken():\n    yield\n    raise OSError('left over')\n",
    )
    assert "1 xfailed, 1 error" in run(listed)
    assert kind(listed) is Kind.FAILS
    assert "listed, but fails differently: the tear-down failed" in listed.living_spec("report").output


# Gherkin's own types of steps

GERMAN = """# language: de
Funktionalität: Löschen

  @rule:delete-one
  Regel: Löschen trifft ein Ding

    @scenario:delete-two
    Szenario: Eins von zweien
      Angenommen ein Regal
      Wenn "1" gelöscht wird
      Dann bleibt "2"
"""
GERMAN_STEPS = """
from pytest_bdd import given, scenarios, then, when

scenarios("deleting.feature")


@given("ein Regal")
def _(surface_name): pass


@when('"1" gelöscht wird')
def _(): pass


@then('bleibt "2"')
def _(): assert False, "the second one went, too"
"""
STARS = FEATURE.replace("When item", "Given a shelf\n      * item").replace("      Then ", "      * ")


@pytest.mark.parametrize("language", ["German", "stars"])
def test_steps_have_the_types_of_gherkin_not_of_english(project: Project, language: str) -> None:
    project.write(PAGE, ISSUE)
    if language == "German":
        project.write("features/deleting.feature", GERMAN)
        project.write(TESTS, GERMAN_STEPS)
    else:
        project.write("features/deleting.feature", STARS)
        project.write(TESTS, STEPS.replace("@when", "@given").replace("@then", "@given"))
        project.change(TESTS, DELETING, f"{DELETING}    {SHORT}\n")
    assert "1 xfailed" in project.pytest("--surface", "cli").output
    assert kind(project) is Kind.KNOWN_ISSUE


def test_a_feature_in_another_language_has_then_steps(project: Project) -> None:
    project.write("features/deleting.feature", GERMAN)
    assert lint(read_config(project.root)) == []


# Opening an issue from the last run

OPENING = ("issue", "open", "loses-two", "--title", "It goes", "--surface", "cli", "--workaround", "Wait.")


@pytest.mark.proves("sees-step-and-message", "filled-in-from-the-last-run")
def test_an_issue_is_opened_with_what_the_last_run_saw(listed: Project) -> None:
    (listed.root / PAGE).unlink()
    listed.change(TESTS, SHORT, "assert item == 'x', 'lost (2) of 4 at 2026-03-01 10:00: 50 %'")
    listed.pytest("--surface", "cli")
    (listed.root / "build/evidence").rename(listed.root / "theirs")
    last_run = ("--from-last-run", "--evidence", "theirs")
    done = listed.living_spec(*OPENING, "--scenario", "delete-two", "--scenario", "delete-each", *last_run)
    assert done.output == f"{PAGE}\n"
    [issue] = listed.proof().register.issues
    assert issue.sees.split("|") == [
        f'When item "{item}" is deleted: AssertionError: lost \\(2\\) of 4 at .+: 50 %' for item in ("1", "a", "b")
    ]
    listed.change(TESTS, "10:00", "11:00")
    assert "3 xfailed" in listed.pytest("--surface", "cli").output
    listed.change(TESTS, "lost (2)", "lost (3)")
    assert "3 failed" in listed.pytest("--surface", "cli").output


@pytest.mark.proves("needs-a-fresh-failing-check")
@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (SHORT, "pass", "In the last run, no check of the scenario 'delete-two' failed on cli. There is no issue to"),
        (SHORT, "raise OSError('no')", "In the last run, no check of the scenario 'delete-two' failed on cli."),
    ],
)
def test_an_issue_is_not_opened_where_the_last_run_saw_nothing(
    listed: Project, old: str, new: str, problem: str
) -> None:
    (listed.root / PAGE).unlink()
    listed.change(TESTS, old, new)
    listed.pytest("--surface", "cli")
    done = listed.living_spec(*OPENING, "--scenario", "delete-two", "--from-last-run")
    assert done.code == 1
    assert problem in done.output
    assert not (listed.root / PAGE).exists()


@pytest.mark.proves("needs-a-fresh-failing-check")
def test_an_issue_is_not_opened_from_a_run_of_other_sources(listed: Project) -> None:
    (listed.root / PAGE).unlink()
    listed.pytest("--surface", "cli")
    listed.write("tests/more.py", "")
    done = listed.living_spec(*OPENING, "--scenario", "delete-two", "--from-last-run")
    assert (done.code, done.output) == (
        1,
        "Error: The last result of the scenario 'delete-two' on cli is missing or stale. Nothing was written."
        " Run it again: pytest tests --surface cli\n",
    )
