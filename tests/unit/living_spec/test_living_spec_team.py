"""The page for the product team: its page of an issue and its command, used as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from living_spec.config import find_config, read_config
from living_spec.issues import read_register
from living_spec.lint import lint
from living_spec.spec import read_spec

if TYPE_CHECKING:
    from living_spec_project import Project

ROOT = Path(__file__).parents[3]
PAGE = "docs/known-issues/wrong-version-named.md"
DELETING = "def _(shelf, item, evidence):\n"
SEEN = "the refusal names 'nightly' instead of 'tuning'"


def block(language: str) -> str:
    """The only block of this language on the page."""
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / "docs/team.md").read_text("utf-8"), re.M | re.S)
    return str(found)


@pytest.fixture
def wrong(project: Project) -> Project:
    """The tiny project, with the bug that the page of the team describes, and the scenario that it names."""
    project.change("features/deleting.feature", "delete-two", "session-uses-it")
    project.change("tests/test_tiny.py", DELETING, f'{DELETING}    assert item != "1", "{SEEN}"\n')
    return project


@pytest.mark.proves("page-of-an-issue-as-it-stands", "scenario-id-in-features", reads=["docs/team.md"])
def test_the_page_of_an_issue_is_read_as_it_stands(wrong: Project) -> None:
    """Here and in the tiny project, where the scenario fails as the page says."""
    wrong.write(PAGE, block("yaml") + "\n# The refusal names the wrong Session\n")
    assert lint(read_config(wrong.root)) == []
    [issue] = read_register(read_spec(read_config(wrong.root))).issues
    assert (issue.id, issue.open, issue.editions, issue.surfaces) == (
        "wrong-version-named",
        True,
        ("reference",),
        ("cli",),
    )
    assert "1 xfailed" in wrong.pytest("--surface", "cli", "-k", "delete_two").output
    features = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "features").glob("*.feature")))
    scenarios = set(read_spec(find_config(ROOT)).scenarios)
    assert scenarios == set(re.findall(r"@scenario:(\S+)", features))
    assert set(issue.scenarios) <= scenarios


@pytest.mark.proves("issue-open-as-it-stands", "filled-in-from-the-last-run", reads=["docs/team.md"])
def test_the_command_opens_an_issue_from_the_last_run(wrong: Project) -> None:
    wrong.pytest("--surface", "cli", "-k", "delete_two")
    (wrong.root / ".venv").mkdir()
    (wrong.root / ".venv/bin").symlink_to(Path(sys.executable).parent)
    done = subprocess.run(["sh", "-c", block("bash")], cwd=wrong.root, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{PAGE}\n"), done.stderr
    [issue] = read_register(read_spec(read_config(wrong.root))).issues
    assert re.fullmatch(issue.sees, f'When item "1" is deleted: AssertionError: {SEEN}')
    assert "1 xfailed" in wrong.pytest("--surface", "cli", "-k", "delete_two").output
    read_spec(find_config(ROOT)).scenario(issue.scenarios[0])
