"""A machine without nginx: a reader's run says that nothing went through a proxy, and why; in CI it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from forked import Forked

ROOT = Path(__file__).parents[2]
WHY = "There is no nginx on this machine."
_NOWHERE = "import sys; sys.path.insert(0, 'tests'); import nginx; nginx._PLACES = ''; "
_SET_UP = f"{_NOWHERE}sys.exit(nginx.main())"
_TEST = f"{_NOWHERE}import pytest; sys.exit(pytest.main(sys.argv[1:]))"


def _bare(ci: str) -> dict[str, str]:
    """An environment in which neither nginx nor a package manager is found."""
    return {**os.environ, "PATH": str(Path(sys.executable).parent), "CI": ci}


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_setting_up_says_that_there_is_none(ci: str, code: int) -> None:
    command = [sys.executable, "-c", _SET_UP]
    done = subprocess.run(command, cwd=ROOT, env=_bare(ci), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(WHY)


@pytest.mark.proves("missing-program-is-not-run")
@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_the_scenario_is_not_run_or_fails(forked_pytest: Forked, tmp_path: Path, ci: str, code: int) -> None:
    evidence = tmp_path / "evidence"
    scenario = [
        "tests/acceptance",
        "--surface=api",
        "--one-surface",
        "--numprocesses=0",
        "-k",
        "proxy",
        f"--evidence={evidence}",
    ]
    done = forked_pytest.run(_TEST, *scenario, folder=ROOT, environment=_bare(ci))
    assert done.returncode == code, done.stdout
    told = [json.loads(path.read_text("utf-8")) for path in evidence.glob("reference/api/*.json")]
    results = [result for file in told for result in file["results"] if result["outcome"] == "not run"]
    if ci:
        assert WHY in done.stdout
    else:
        assert [result["reason"][: len(WHY)] for result in results] == [WHY]
