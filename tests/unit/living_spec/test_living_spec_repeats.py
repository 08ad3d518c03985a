"""Several results for one example row of a scenario on one surface: all are kept, and the worst counts."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import pytest
from living_spec_project import ISSUE, STEPS

from living_spec.results import Kind

if TYPE_CHECKING:
    from living_spec_project import Project

TESTS = "tests/test_tiny.py"
LEFT = "def _(datatable, evidence):\n"
PARAMS = """
import pytest

@pytest.fixture(autouse=True, params=["bad", "good"])
def state(request):
    return request.param

"""
# What pytest-rerunfailures does: it hands on the reports up to the first failure only, and runs the test again.
RERUN = """
from _pytest.runner import runtestprotocol


def pytest_runtest_protocol(item, nextitem):
    for attempt in range(2):
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            if attempt == 0 and report.failed:
                report.outcome = "rerun"
                item.ihook.pytest_runtest_logreport(report=report)
                break
            item.ihook.pytest_runtest_logreport(report=report)
        else:
            return True


def pytest_report_teststatus(report):
    return ("rerun", "R", "RERUN") if report.outcome == "rerun" else None
"""
ONCE = """
    from pathlib import Path
    if not Path("ran").exists():
        Path("ran").touch()
        assert False
"""


def with_params(project: Project) -> None:
    project.write(TESTS, PARAMS + STEPS.replace(LEFT, "def _(datatable, state):\n    assert state == 'good'\n"))
    project.change(TESTS, '    evidence.screenshot("shelf", b"PNG")\n', "")


def bound_twice(project: Project) -> None:
    project.write("tests/test_bad.py", STEPS.replace(LEFT, f"{LEFT}    assert False\n"))


def rerun(project: Project) -> None:
    project.write("tests/conftest.py", RERUN)
    project.change(TESTS, LEFT, LEFT + ONCE)


CAUSES = {
    with_params: (
        "a fixture with params, or equal examples, make tests/test_tiny.py::test_delete_two_of_four[bad-cli]"
        " and tests/test_tiny.py::test_delete_two_of_four[good-cli]"
    ),
    bound_twice: (
        "it is bound several times, by tests/test_bad.py::test_delete_two_of_four"
        " and tests/test_tiny.py::test_delete_two_of_four"
    ),
    rerun: "tests/test_tiny.py::test_delete_two_of_four[cli] ran several times",
}


@pytest.mark.proves("worst-result-counts", "cause-of-several-results")
@pytest.mark.parametrize("repeat", CAUSES)
def test_of_several_results_the_worst_counts_and_all_are_kept(project: Project, repeat: object) -> None:
    assert callable(repeat)
    repeat(project)
    project.pytest("--surface", "cli", "-k", "delete_two")
    kept = project.evidence("reference/cli/delete-two.json")
    assert sorted(str(result["outcome"]) for result in kept) == ["failed", "passed"]
    proof = project.proof()
    verdict = proof.scenario(proof.spec.scenario("delete-two"), "cli", "reference")
    assert verdict.kind is Kind.FAILS
    assert f"2 results, of which the worst counts: {CAUSES[repeat]}." in verdict.reason
    assert "1 failing (delete-two on cli)" in project.living_spec("check").output
    report = project.living_spec("report")
    assert report.code == 1
    assert "of which the worst counts" in report.output
    project.mkdocs()
    page = html.unescape((project.root / "site/spec/deleting/index.html").read_text("utf-8"))
    assert f"2 results, of which the worst counts: {CAUSES[repeat]}." in page


def test_a_listed_failure_and_another_one_are_the_other_one(project: Project) -> None:
    project.write("docs/known-issues/loses-two.md", ISSUE)
    bound_twice(project)
    project.change(TESTS, LEFT, f"{LEFT}    raise OSError('no server')\n")
    assert project.pytest("--surface", "cli", "-k", "delete_two").code == 1
    proof = project.proof()
    assert proof.scenario(proof.spec.scenario("delete-two"), "cli", "reference").kind is Kind.FAILS


@pytest.mark.parametrize("chosen", [("-k", "good"), ("tests/test_tiny.py::test_delete_two_of_four[good-cli]",)])
def test_a_run_of_the_good_one_does_not_hide_the_bad_one(project: Project, chosen: tuple[str, ...]) -> None:
    with_params(project)
    project.pytest("--surface", "cli")
    assert project.pytest("--surface", "cli", *chosen).code == 0
    assert "1 failing (delete-two on cli)" in project.living_spec("check").output
    project.write("tests/more.py", "")
    assert project.pytest("--surface", "cli", *chosen).code == 0
    assert "stale (delete-two on cli" in project.living_spec("check").output


def test_the_result_of_a_test_that_no_longer_exists_is_dropped(project: Project) -> None:
    bound_twice(project)
    project.pytest()
    (project.root / "tests/test_bad.py").unlink()
    assert project.pytest().code == 0
    assert project.living_spec("check").code == 0


@pytest.mark.proves("lint-names-several-results")
@pytest.mark.parametrize("repeat", [with_params, bound_twice])
def test_the_lint_names_what_gives_several_results(project: Project, repeat: object) -> None:
    assert callable(repeat)
    repeat(project)
    done = project.living_spec("lint")
    assert done.code == 1
    problem = "features/deleting.feature:15: The scenario 'Delete two of four' has 2 tests for one result: "
    assert problem + CAUSES[repeat].replace("cli]", "api]") in done.output


@pytest.mark.proves("lint-names-several-results")
def test_the_lint_names_what_runs_a_test_again(project: Project) -> None:
    project.change(TESTS, "from pytest_bdd", "import pytest\nfrom pytest_bdd")
    project.change(
        TESTS, 'scenarios("deleting.feature")', 'pytestmark = pytest.mark.flaky\nscenarios("deleting.feature")'
    )
    project.change("pyproject.toml", "filterwarnings", 'markers = ["flaky"]\nfilterwarnings')
    done = project.living_spec("lint")
    assert done.code == 1
    assert "'Delete two of four' is retried after a failure: it has the marker 'flaky'." in done.output
