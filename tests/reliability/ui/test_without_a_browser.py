"""A machine without a browser: a reader's run says that the UI was not run, and why; in CI it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from forked import Forked

ROOT = Path(__file__).parents[3]
WHY = "There is no Chromium on this machine."
PYTEST = "import pytest, sys; sys.exit(pytest.main())"
ONE_RULE = ["tests/acceptance", "--surface=ui", "--rule=delete-needs-both", "--numprocesses=0"]


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment in which no browser, no download and no package manager is found."""
    left_out = ("CI", "BROWSER", "PLAYWRIGHT_BROWSERS_PATH")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    nobody_listens = "http://127.0.0.1:9"
    path = str(Path(sys.executable).parent)
    return kept | {"PATH": path, "HOME": str(tmp_path), "PLAYWRIGHT_DOWNLOAD_HOST": nobody_listens}


def test_setting_up_says_that_there_is_none(bare: dict[str, str]) -> None:
    command = [sys.executable, "tests/browser.py"]
    done = subprocess.run(command, cwd=ROOT, env=bare | {"CI": "true"}, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(WHY)
    assert done.stdout.splitlines() == ["Downloading Chromium with Playwright", "Playwright could not download it"]


@pytest.mark.proves("missing-program-is-not-run")
@pytest.mark.parametrize(
    ("asked", "why"),
    [({}, WHY), ({"BROWSER": "no", "CI": "true", "PATH": os.environ["PATH"]}, "BROWSER=no asked for no browser.")],
    ids=["a machine without one", "none is wanted"],
)
def test_a_readers_run_says_that_the_ui_was_not_run(
    forked_pytest: Forked, bare: dict[str, str], asked: dict[str, str], why: str, tmp_path: Path
) -> None:
    words = (*ONE_RULE, f"--evidence={tmp_path / 'evidence'}")
    done = forked_pytest.run(PYTEST, *words, folder=ROOT, environment=bare | asked)
    assert done.returncode == 0, done.stdout
    told = [json.loads(path.read_text("utf-8")) for path in tmp_path.glob("evidence/reference/ui/*.json")]
    results = [result for file in told for result in file["results"]]
    assert results
    for result in results:
        assert result["outcome"] == "not run", result
        assert result["reason"].startswith(why)


def test_in_ci_it_fails(forked_pytest: Forked, bare: dict[str, str], tmp_path: Path) -> None:
    words = (*ONE_RULE, f"--evidence={tmp_path / 'evidence'}")
    done = forked_pytest.run(PYTEST, *words, folder=ROOT, environment=bare | {"CI": "true"})
    assert done.returncode == 1
    assert WHY in done.stdout
