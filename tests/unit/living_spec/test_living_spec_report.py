"""`living-spec report`: what it writes, and how it ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from living_spec_project import ISSUE

if TYPE_CHECKING:
    from living_spec_project import Project

SCHEMA = Path(__file__).parent / "cucumber" / "messages.schema.json"
STEPS = "tests/test_tiny.py"
DELETING = "def _(shelf, item, evidence):"
BUG = f"{DELETING}\n    assert not (item == '1' and shelf.startswith('cli')), 'the second one went, too'"


@pytest.fixture(scope="module")
def buggy_once(tmp_path_factory: pytest.TempPathFactory, proven_once: Project) -> Project:
    """The tiny project after a run with the bug."""
    project = proven_once.copy(tmp_path_factory.mktemp("buggy"))
    project.change(STEPS, DELETING, BUG)
    assert project.pytest().code == 1
    return project


@pytest.fixture
def buggy(buggy_once: Project, tmp_path: Path) -> Project:
    """The same, to be changed."""
    return buggy_once.copy(tmp_path)


def list_it(project: Project, text: str = ISSUE) -> None:
    project.write("docs/known-issues/loses-two.md", text)


def messages(project: Project) -> list[dict[str, Any]]:
    project.living_spec("report", "--messages", "out/messages.ndjson")
    return [json.loads(line) for line in (project.root / "out/messages.ndjson").read_text("utf-8").splitlines()]


@pytest.mark.proves("report-exits-0")
def test_everything_holds(proven: Project) -> None:
    done = proven.living_spec("report")
    assert done.code == 0
    assert done.output.startswith("## The spec holds\n\nReference, on API, CLI.\n")


@pytest.mark.proves("report-exits-1")
def test_a_failure_that_is_not_listed_is_a_regression(buggy: Project) -> None:
    done = buggy.living_spec("report")
    assert done.code == 1
    assert (
        "### Regressions\n\n- Deleting an item deletes that item and no other: **Delete two of four** on CLI"
        in done.output
    )
    assert "the second one went, too" in done.output


@pytest.mark.proves("report-exits-4")
def test_a_listed_failure_is_told_apart(buggy: Project) -> None:
    list_it(buggy)
    done = buggy.living_spec("report")
    assert done.code == 4
    assert "### Known issues" in done.output
    assert "Regressions" not in done.output
    assert buggy.living_spec("report", "--accept-known").code == 0


@pytest.mark.proves("report-exits-3")
def test_a_listed_failure_that_is_fixed_is_told_apart(proven: Project) -> None:
    list_it(proven)
    done = proven.living_spec("report")
    assert done.code == 3
    assert "### Fixed but still listed: close them" in done.output
    assert proven.living_spec("report", "--surface", "api").code == 0


def test_a_regression_goes_before_everything(buggy: Project) -> None:
    list_it(buggy, ISSUE.replace("[cli]", "[api]"))
    assert buggy.living_spec("report").code == 1


@pytest.mark.proves("unproven-is-no-regression")
@pytest.mark.parametrize("state", ["missing", "stale", "none"])
def test_what_was_not_run_is_no_success(proven: Project, state: str) -> None:
    if state == "missing":
        (proven.root / "build/evidence/reference/cli/delete-two.json").unlink()
    elif state == "stale":
        proven.change(STEPS, 'b"PNG"', 'b"NEW"')
    else:
        shutil.rmtree(proven.root / "build/evidence")
    assert proven.living_spec("report").code == 1


NO_ITEM_LEFT = "def _(datatable, evidence):\n"


@pytest.mark.proves("report-exits-0")
def test_what_cannot_be_run_is_counted_in_the_heading_and_stays_green(proven: Project) -> None:
    proven.change(STEPS, NO_ITEM_LEFT, f"{NO_ITEM_LEFT}    evidence.not_run('a foreign server')\n")
    assert proven.pytest("--surface", "cli").code == 0
    done = proven.living_spec("report", "--surface", "cli")
    assert done.code == 0
    assert done.output.startswith("## The spec holds; 1 not run\n")
    assert (
        "### Not run\n\n- Deleting an item deletes that item and no other: **Delete two of four** on CLI" in done.output
    )
    assert "a foreign server" in done.output


@pytest.mark.proves("unproven-is-no-regression")
def test_a_surface_on_which_nothing_was_run_is_no_success(proven: Project) -> None:
    proven.change(
        STEPS, "    evidence.rename(", "    if surface_name == 'api': evidence.not_run('no user')\n    evidence.rename("
    )
    assert proven.pytest().code == 0
    done = proven.living_spec("report")
    assert done.code == 1
    assert done.output.startswith("## The spec is not proven: nothing was run on API\n")
    assert proven.living_spec("report", "--surface", "cli").code == 0
    assert messages(proven)[-1]["testRunFinished"]["success"] is False


@pytest.mark.proves("missing-result-is-counted")
@pytest.mark.proves("report-of-the-selection")
def test_a_report_speaks_of_what_the_run_was_asked_for(proven: Project) -> None:
    list_it(proven)
    shutil.rmtree(proven.root / "build/evidence")
    assert proven.pytest("--issue", "loses-two").code == 1
    done = proven.living_spec("report")
    assert done.code == 3
    assert done.output.startswith("## The spec holds, and a known issue is fixed: close it\n\nReference, on CLI.\n")
    assert "| fails | known issue | fixed but still listed |" in done.output
    assert [m["pickle"]["name"] for m in messages(proven) if "pickle" in m] == ["Delete two of four"]
    (proven.root / "build/evidence/reference/cli/delete-two.json").unlink()
    done = proven.living_spec("report")
    assert done.code == 1
    assert "| fails | missing | known issue |" in done.output
    assert "| 0 | 1 | 0 |" in done.output


ASKED = {
    ("-k", "delete_each and b"): "| 0 | 0 | 0 | 1 | 0 | 1 |",
    ("tests/test_tiny.py::test_delete_each[cli-b]",): "| 0 | 0 | 0 | 1 | 0 | 0 |",
    ("--rule", "delete-one", "-k", "delete_two"): "| 0 | 0 | 0 | 2 | 0 | 0 |",
    ("--deselect", "tests/test_tiny.py::test_delete_two_of_four"): "| 0 | 0 | 0 | 2 | 0 | 2 |",
    ("--surface", "api"): "| 0 | 0 | 0 | 1 | 0 | 2 |",
}


@pytest.mark.proves("report-of-the-selection")
@pytest.mark.parametrize("options", ASKED)
def test_a_report_counts_what_pytest_was_asked_to_run(project: Project, options: tuple[str, ...]) -> None:
    assert project.pytest(*options).code == 0
    done = project.living_spec("report")
    assert done.code == 0, done.output
    assert done.output.startswith("## The spec holds\n")
    assert "| fails | known issue | fixed but still listed | holds | not run | not on this surface |" in done.output
    assert ASKED[options] in done.output


def test_a_test_that_does_not_exist_is_named(project: Project) -> None:
    done = project.pytest("tests/test_tiny.py::test_delete_none")
    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "INTERNALERROR" not in done.output
    assert "test_delete_none" in done.output


def test_workers_tell_what_they_were_asked_to_run(project: Project) -> None:
    assert project.pytest("-n", "2", "-k", "delete_each and b").code == 0
    done = project.living_spec("report")
    assert done.code == 0
    assert ASKED["-k", "delete_each and b"] in done.output


@pytest.mark.proves("missing-result-is-counted")
def test_an_interrupted_run_misses_what_it_was_asked_for(project: Project) -> None:
    project.change(STEPS, DELETING, f"{DELETING}\n    if item == 'b': raise KeyboardInterrupt")
    assert project.pytest("--surface", "cli", "-k", "delete_each").code == pytest.ExitCode.INTERRUPTED
    done = project.living_spec("report")
    assert done.code == 1
    assert done.output.startswith("## The spec is not proven: 1 result is missing or stale\n")


@pytest.mark.proves("unproven-is-no-regression")
@pytest.mark.parametrize("state", ["missing", "stale"])
def test_a_result_that_is_missing_or_stale_is_no_regression(proven: Project, state: str) -> None:
    if state == "missing":
        (proven.root / "build/evidence/reference/cli/delete-two.json").unlink()
    else:
        proven.change(STEPS, 'b"PNG"', 'b"NEW"')
    done = proven.living_spec("report")
    assert done.code == 1
    assert done.output.startswith("## The spec is not proven: ")
    assert "Regressions" not in done.output
    assert "### Without a fresh result: run them\n\n- Deleting an item" in done.output
    why = "there is no result yet" if state == "missing" else "The result is stale: the sources have changed since."
    assert why in done.output


def test_a_run_elsewhere_has_evidence_and_issues_of_its_own(buggy: Project) -> None:
    list_it(buggy)
    (buggy.root / "docs/known-issues").rename(buggy.root / "theirs")
    (buggy.root / "build/evidence").rename(buggy.root / "their-evidence")
    assert buggy.living_spec("report", "--evidence", "their-evidence").code == 1
    assert buggy.living_spec("report", "--evidence", "their-evidence", "--known-issues", "theirs").code == 4


def test_an_unknown_edition_or_surface_is_refused_with_the_known_ones(proven: Project) -> None:
    assert "Choose one of: reference, shipped" in proven.living_spec("report", "--edition", "next").output
    assert "Choose one of: api, cli" in proven.living_spec("report", "--surface", "ui").output


@pytest.mark.proves("messages-of-cucumber")
def test_the_messages_are_what_cucumber_calls_messages(buggy: Project) -> None:
    list_it(buggy)
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
    written = messages(buggy)
    assert len(written) > 20
    for message in written:
        validator.validate(message)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({"meta": {}})


def test_every_id_that_a_message_names_was_given_before(buggy: Project) -> None:
    given: set[str] = set()
    for message in messages(buggy):
        [(kind, body)] = message.items()
        text = json.dumps(body)
        named = {body[key] for key in ("pickleId", "testCaseId", "testCaseStartedId", "testStepId") if key in body}
        assert named <= given, (kind, named)
        given |= {part["id"] for part in [body, *body.get("testSteps", [])] if "id" in part}
        assert '"id": null' not in text


@pytest.mark.proves("messages-of-cucumber")
def test_the_messages_tell_each_result(buggy: Project) -> None:
    list_it(buggy)
    written = messages(buggy)
    pickles = {m["pickle"]["id"]: (m["pickle"]["uri"], m["pickle"]["name"]) for m in written if "pickle" in m}
    cases = {m["testCase"]["id"]: pickles[m["testCase"]["pickleId"]] for m in written if "testCase" in m}
    attempts = {
        m["testCaseStarted"]["id"]: m["testCaseStarted"]["testCaseId"] for m in written if "testCaseStarted" in m
    }
    statuses: dict[tuple[str, str], list[str]] = {}
    for message in written:
        if step := message.get("testStepFinished"):
            place = cases[attempts[step["testCaseStartedId"]]]
            statuses.setdefault(place, []).append(step["testStepResult"]["status"])
    assert statuses["api/deleting.feature", "Delete two of four"] == ["PASSED", "PASSED", "PASSED"]
    assert statuses["cli/deleting.feature", "Delete two of four"] == ["PASSED", "PENDING", "SKIPPED"]
    assert statuses["api/deleting.feature", "Delete each"] == ["SKIPPED"] * 6
    assert statuses["cli/deleting.feature", "Delete each"] == ["PASSED"] * 6
    kinds = [m["attachment"]["mediaType"] for m in written if "attachment" in m]
    assert {"text/plain", "image/png"} == set(kinds)


def test_a_fixed_issue_and_broken_set_up_are_failures_in_the_messages(proven: Project) -> None:
    list_it(proven)
    assert any(
        m.get("testStepFinished", {}).get("testStepResult", {}).get("status") == "FAILED" for m in messages(proven)
    )
    (proven.root / "docs/known-issues/loses-two.md").unlink()
    proven.write(
        "tests/conftest.py", "import pytest\n\n@pytest.fixture(autouse=True)\ndef _broken():\n    raise OSError('no')\n"
    )
    proven.pytest()
    failed = [m for m in messages(proven) if "OSError" in json.dumps(m)]
    assert len(failed) == 4
