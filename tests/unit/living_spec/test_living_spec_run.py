"""The pytest plugin, run for real on a tiny project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from living_spec_project import ISSUE

from living_spec.beginning import NOT_BEGUN

if TYPE_CHECKING:
    from living_spec_project import Project

DELETING = "def _(shelf, item, evidence):"
FILES = [
    "reference/api/delete-two.json",
    "reference/cli/delete-each.json",
    "reference/cli/delete-two.json",
]


def files(project: Project) -> list[str]:
    evidence = project.root / "build/evidence"
    return sorted(path.relative_to(evidence).as_posix() for path in evidence.glob("*/*/*.json"))


@pytest.mark.proves("fresh-evidence-needs-no-run", "results-by-surface-and-edition")
def test_a_run_writes_what_each_surface_showed(project: Project) -> None:
    done = project.pytest()
    assert "4 passed" in done.output
    check_evidence(project)
    assert project.living_spec("check").code == 0


def test_workers_leave_the_writing_and_the_known_issues_to_the_process_that_started_them(project: Project) -> None:
    """One run for all, as each worker loads pytest anew."""
    project.write(
        "tests/conftest.py",
        "import pathlib, pytest\n\n@pytest.hookimpl(trylast=True)\ndef pytest_sessionfinish(session):\n"
        "    if hasattr(session.config, 'workerinput'):\n"
        "        name = session.config.workerinput['workerid']\n"
        "        pathlib.Path(name).write_text(str(pathlib.Path('build').exists()))\n",
    )
    project.write("docs/known-issues/loses-two.md", ISSUE)
    project.write(
        "docs/known-issues/fixed.md", ISSUE.replace("loses-two", "fixed").replace("[delete-two]", "[delete-each]")
    )
    project.change(
        "tests/test_tiny.py", DELETING, f"{DELETING}\n    assert not (item == '1' and shelf.startswith('cli'))"
    )
    done = project.pytest("-n", "2")
    assert done.code == 1
    assert "2 failed, 1 passed, 1 xfailed" in done.output
    assert "Known issue fixed is fixed: this scenario holds. Close it: living-spec issue close fixed" in done.output
    assert [(project.root / name).read_text("utf-8") for name in ("gw0", "gw1")] == ["False", "False"]
    check_evidence(project)
    assert project.evidence("reference/cli/delete-two.json")[0]["outcome"] == "failed"
    check = project.living_spec("check")
    assert (
        "The evidence is incomplete: 1 fixed but still listed (delete-each on cli). Run the scenarios: pytest tests"
        in check.output
    )


def check_evidence(project: Project) -> None:
    """That the run of everything has left its evidence: files, steps, records, pictures, rows of examples."""
    assert files(project) == FILES
    [result] = project.evidence("reference/api/delete-two.json")
    assert result["outcome"] == "passed"
    assert result["digest"] == project.proof().digest
    steps = result["steps"]
    assert isinstance(steps, list)
    assert [step["keyword"] for step in steps] == ["Given", "When", "Then"]
    assert [record["kind"] for record in steps[1]["records"]] == ["transcript", "exchange"]
    assert steps[1]["records"][0] == {
        "kind": "transcript",
        "command": "rm shelf/1",
        "output": "api of reference",
        "exit_code": 0,
    }
    [picture] = steps[2]["records"]
    assert (project.root / "build/evidence/reference/api/pictures" / picture["file"]).read_bytes() == b"PNG"
    assert [row["values"] for row in project.evidence("reference/cli/delete-each.json")] == [
        {"item": "a"},
        {"item": "b"},
    ]


def test_the_top_conftest_can_load_the_plugin(project: Project) -> None:
    project.change("pyproject.toml", '"-p", "living_spec.pytest_plugin", ', "")
    project.write("tests/conftest.py", "pytest_plugins = ['living_spec.pytest_plugin']\n")
    assert "3 passed" in project.pytest("--surface", "cli").output


@pytest.mark.proves("not-on-excludes-a-surface")
def test_a_scenario_makes_no_test_on_a_surface_that_it_excludes(project: Project) -> None:
    done = project.pytest("--surface", "api")
    assert "1 passed" in done.output
    assert "skipped" not in done.output
    assert files(project) == ["reference/api/delete-two.json"]


@pytest.mark.proves("results-by-surface-and-edition")
def test_the_surface_and_edition_can_be_chosen(project: Project) -> None:
    assert "3 passed" in project.pytest("--edition", "shipped", "--surface", "cli").output
    assert files(project) == ["shipped/cli/delete-each.json", "shipped/cli/delete-two.json"]


@pytest.mark.proves("line-adds-a-surface")
def test_a_line_of_the_configuration_adds_a_surface(project: Project) -> None:
    project.change("pyproject.toml", 'cli = "CLI"', 'cli = "CLI"\ntui = "Terminal UI"')
    assert "3 passed" in project.pytest("--surface", "tui").output
    project.change("features/deleting.feature", "Not on api:", "Not on api, tui:")
    assert "1 passed" in project.pytest("--surface", "tui").output


@pytest.mark.parametrize(
    ("option", "known"),
    [("--surface=ui", "Choose one of: api, cli"), ("--edition=next", "Choose one of: reference, shipped")],
)
def test_an_unknown_surface_or_edition_is_refused_with_the_known_ones(
    project: Project, option: str, known: str
) -> None:
    done = project.pytest(option)
    assert done.code == 4
    assert known in done.output


def test_a_failing_step_is_recorded_with_its_message_and_the_rest_as_not_run(project: Project) -> None:
    project.change(
        "tests/test_tiny.py",
        "def _(shelf, item, evidence):",
        "def _(shelf, item, evidence):\n    assert 1 == 2, 'shelf-8f3a is gone'",
    )
    assert project.pytest("--surface", "api").code == 1
    [result] = project.evidence("reference/api/delete-two.json")
    assert result["outcome"] == "failed"
    steps = result["steps"]
    assert isinstance(steps, list)
    assert [step["outcome"] for step in steps] == ["passed", "failed", "not run"]
    assert "shelf is gone" in steps[1]["message"]
    assert "1 failing (delete-two on api)" in project.living_spec("check").output


def test_a_step_without_a_definition_is_a_failure_of_that_step(project: Project) -> None:
    project.change("tests/test_tiny.py", '"these are left"', '"those are left"')
    assert project.pytest("--surface", "api").code == 1
    [result] = project.evidence("reference/api/delete-two.json")
    steps = result["steps"]
    assert isinstance(steps, list)
    assert [step["outcome"] for step in steps] == ["passed", "passed", "failed"]
    assert "Step definition is not found" in steps[2]["message"]


def test_a_failing_setup_is_a_failure(project: Project) -> None:
    project.write(
        "tests/conftest.py",
        "import pytest\n\n@pytest.fixture(autouse=True)\ndef _broken():\n    raise OSError('no server')\n",
    )
    project.pytest("--surface", "api")
    [result] = project.evidence("reference/api/delete-two.json")
    assert result["outcome"] == "failed"
    assert "no server" in str(result["reason"])


def test_an_expected_failure_is_recorded_as_the_failure_it_is(project: Project) -> None:
    project.change(
        "tests/test_tiny.py", "def _(shelf, item, evidence):", "def _(shelf, item, evidence):\n    assert False"
    )
    project.write(
        "tests/conftest.py",
        "import pytest\n\ndef pytest_collection_modifyitems(items):\n"
        "    for item in items:\n        item.add_marker(pytest.mark.xfail)\n",
    )
    assert project.pytest("--surface", "api").code == 0
    assert project.evidence("reference/api/delete-two.json")[0]["outcome"] == "failed"


def test_not_run_gives_its_reason_and_keeps_what_was_recorded(project: Project) -> None:
    project.change(
        "tests/test_tiny.py", "def _(datatable, evidence):", "def _(evidence):\n    evidence.not_run('no such server')"
    )
    assert "1 skipped" in project.pytest("--surface", "api").output
    [result] = project.evidence("reference/api/delete-two.json")
    assert (result["outcome"], result["reason"]) == ("not run", "no such server")


def test_a_run_of_a_part_keeps_the_other_results(proven: Project) -> None:
    before = proven.evidence("reference/cli/delete-each.json")
    assert proven.pytest("--surface", "api").code == 0
    assert proven.pytest("-k", "delete_each and b").code == 0
    after = proven.evidence("reference/cli/delete-each.json")
    assert files(proven) == FILES
    assert after[0] == before[0]
    assert after[1] != before[1]


@pytest.mark.proves("fresh-evidence-needs-no-run")
def test_a_run_of_a_part_does_not_make_the_others_fresh(proven: Project) -> None:
    proven.change("tests/test_tiny.py", 'b"PNG"', 'b"NEW"')
    assert proven.pytest("--surface", "api").code == 0
    check = proven.living_spec("check")
    assert check.code == 1
    assert "2 stale (delete-two on cli, delete-each on cli)" in check.output


def test_results_of_scenarios_that_are_no_more_are_dropped(proven: Project) -> None:
    proven.change("features/deleting.feature", "@scenario:delete-each", "@scenario:delete-all")
    assert proven.pytest("--surface", "cli").code == 0
    assert "reference/cli/delete-each.json" not in files(proven)
    assert "reference/cli/delete-all.json" in files(proven)


def test_pictures_that_no_result_names_are_dropped(proven: Project) -> None:
    proven.change("tests/test_tiny.py", 'b"PNG"', 'b"NEW"')
    assert proven.pytest().code == 0
    pictures = list((proven.root / "build/evidence").rglob("*.png"))
    assert [picture.read_bytes() for picture in pictures] == [b"NEW", b"NEW"]


def test_broken_evidence_is_as_good_as_none(proven: Project) -> None:
    proven.write("build/evidence/reference/api/delete-two.json", "{")
    check = proven.living_spec("check")
    assert check.code == 1
    assert "1 missing (delete-two on api)" in check.output


@pytest.mark.proves("double-definitions-are-named")
def test_the_lint_names_unused_and_double_definitions(project: Project) -> None:
    project.write(
        "tests/conftest.py",
        "from pytest_bdd import given, step\n\n@given('a bed')\ndef _(): pass\n\n@step('a shelf')\ndef _(): pass\n",
    )
    done = project.pytest("--lint-steps", "--collect-only", "-q")
    assert done.code == 4
    lines = [line.removeprefix("ERROR: ") for line in done.output.splitlines()]
    assert "tests/conftest.py:3: No step uses the definition given 'a bed'. Remove it." in lines
    [double] = [line for line in lines if line.startswith('features/deleting.feature:7: Given "a shelf" matches')]
    assert " and step 'a shelf' (tests/conftest.py:6)." in double


def test_tests_that_are_no_scenarios_run_as_ever(project: Project) -> None:
    project.write("features/deleting.feature", "no Gherkin")
    project.write("tests/test_tiny.py", "def test_one(): pass\n")
    assert "1 passed" in project.pytest().output


@pytest.mark.proves("run-that-could-not-begin")
@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_a_run_that_cannot_begin_says_why_and_fails_no_scenario(proven: Project, workers: tuple[str, ...]) -> None:
    before = proven.evidence("reference/cli/delete-two.json")
    proven.write(
        "tests/conftest.py",
        "def pytest_living_spec_obstacle(config):\n    return 'no server answers. Start it.'\n",
    )
    done = proven.pytest(*workers)
    assert done.code == NOT_BEGUN == 6
    assert done.output == "ERROR: The run could not begin: no server answers. Start it. Nothing was run.\n"
    assert proven.evidence("reference/cli/delete-two.json") == before
    assert proven.pytest("--collect-only").code == 0


@pytest.mark.parametrize(
    ("ending", "workers"),
    [("import os; os._exit(3)", ("-n", "1")), ("raise KeyboardInterrupt", ())],
    ids=["the worker crashes", "the run is interrupted"],
)
def test_a_test_that_gives_no_result_has_none_any_more(project: Project, ending: str, workers: tuple[str, ...]) -> None:
    """Its result of an earlier run of the same sources no longer counts."""
    crash = f"    from pathlib import Path\n    if Path('crash').exists() and item == 'b':\n        {ending}\n"
    project.change("tests/test_tiny.py", f"{DELETING}\n", f"{DELETING}\n{crash}")
    assert project.pytest("--surface", "cli").code == 0
    project.write("crash", "")
    assert project.pytest("--surface", "cli", "-k", "delete_each", *workers).code != 0
    assert [result["values"] for result in project.evidence("reference/cli/delete-each.json")] == [{"item": "a"}]
    assert "2 missing (delete-two on api, delete-each on cli)" in project.living_spec("check").output
