"""The workflows: they can be read, run what there is, and take no action that can change under them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in yaml.safe_load(path.read_text("utf-8"))["jobs"].values() for step in job["steps"]]


def test_there_is_one_each_for_changes_for_the_site_and_for_any_server() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "docs", "spec"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_github_s_own_and_pinned(path: Path) -> None:
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used
    assert [action for action in used if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_a_workflow_makes_and_types_is_there(path: Path) -> None:
    script = "\n".join(step.get("run", "") for step in steps(path))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)", script)) <= targets
    assert set(re.findall(r"\.venv/bin/([a-z-]+)", script)) <= {"pytest", "living-spec"}
    assert [name for name in re.findall(r"\btools/[\w.-]+", script) if not (ROOT / name).is_file()] == []


def test_no_input_is_put_into_a_script() -> None:
    """It would be run as one."""
    for path in WORKFLOWS:
        assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []


@pytest.mark.proves("workflow-runs-the-spec-on-a-server", reads=[".github/workflows/spec.yml"])
def test_the_workflow_for_any_server_is_what_its_page_says() -> None:
    """Started by hand with an address; the two users are secrets; the summary and the files are kept."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/spec.yml").read_text("utf-8"))
    [(start, given)] = workflow[True].items()  # in YAML, `on` is true
    assert start == "workflow_dispatch"
    assert given["inputs"]["url"]["required"]
    assert not given["inputs"]["known_issues"]["required"]
    done = {step.get("name", ""): step for step in steps(ROOT / ".github/workflows/spec.yml")}
    run, report = done["Run the spec"], done["Report"]
    users = ("GRID_USER_ID", "GRID_API_KEY", "GRID_OTHER_USER_ID", "GRID_OTHER_API_KEY")
    assert {name: run["env"][name] for name in users} == {name: f"${{{{ secrets.{name} }}}}" for name in users}
    assert run["env"]["URL"] == "${{ inputs.url }}"
    for words in ('--url "$URL"', "--evidence out/evidence", "--junitxml out/junit.xml"):
        assert words in run["run"]
    for words in ("--evidence out/evidence", '--summary "$GITHUB_STEP_SUMMARY"', "--messages out/messages.ndjson"):
        assert words in report["run"]
    for step in (run, report):
        assert step["env"]["KNOWN_ISSUES"] == "${{ inputs.known_issues }}"
        assert '${KNOWN_ISSUES:+--known-issues "$KNOWN_ISSUES"}' in step["run"]
    assert "node tools/cucumber-html.mjs out/messages.ndjson out/report.html" in done["Cucumber HTML"]["run"]
    [kept] = [step for step in done.values() if "upload-artifact" in step.get("uses", "")]
    assert (kept["if"], kept["with"]["path"]) == ("always()", "out")


def test_ci_runs_every_python_that_the_package_supports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    oldest = project["project"]["requires-python"].removeprefix(">=")
    pythons = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]["ci"]["strategy"]["matrix"]
    assert pythons["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert pythons["python"][0] == oldest
    assert project["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"


def test_every_hook_before_a_commit_calls_what_is_there() -> None:
    """And each hook passes on this tree, or is one of `make checks`."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    assert [hook["id"] for hook in hooks if hook["language"] != "system"] == []
    checks = (ROOT / "Makefile").read_text("utf-8")
    for hook in hooks:
        program, *words = hook["entry"].split()
        assert (ROOT / program).exists(), hook["id"]
        assert [word for word in words if word.startswith("tools/") and not (ROOT / word).is_file()] == []
        assert hook.get("stages") or hook["entry"].replace(".venv/bin/", "$(BIN)/") in checks
