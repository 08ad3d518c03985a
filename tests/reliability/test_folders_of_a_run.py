"""Where an acceptance run leaves the log of its server, and what it does without a browser."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from forked import Forked

ROOT = Path(__file__).parents[2]
RUN = "import pytest, sys; sys.exit(pytest.main())"


@pytest.mark.proves("log-of-the-server")
@pytest.mark.parametrize(("workers", "folder"), [((), "."), (("--numprocesses", "1"), "popen-gw0")])
def test_a_run_keeps_the_log_of_its_server(
    forked_pytest: Forked, tmp_path: Path, workers: tuple[str, ...], folder: str
) -> None:
    assert outcomes(forked_pytest, tmp_path, "api", *workers) == {("passed", "")}
    assert (tmp_path / "tmp" / folder / "server0/serve.log").is_file()


@pytest.mark.proves("no-browser-is-not-run")
def test_without_a_browser_the_web_ui_is_not_run(forked_pytest: Forked, tmp_path: Path) -> None:
    [(outcome, reason)] = outcomes(forked_pytest, tmp_path, "ui", BROWSER="no", CI="")
    assert (outcome, "browser" in reason) == ("not run", True)


def outcomes(
    forked_pytest: Forked, folder: Path, surface: str, *options: str, **variables: str
) -> set[tuple[str, str]]:
    """The outcomes of a rule's scenarios on this surface, with their reasons."""
    where = ("--basetemp", str(folder / "tmp"), "--evidence", str(folder / "evidence"), "-p", "no:cacheprovider", "-q")
    words = ("tests/acceptance", "--surface", surface, "--rule", "quota-freed", "--one-surface", *where, *options)
    done = forked_pytest.run(RUN, *words, folder=ROOT, environment={**os.environ, **variables})
    assert done.returncode == 0, done.stdout + done.stderr
    files = (folder / "evidence/reference" / surface).glob("*.json")
    results = [result for path in files for result in json.loads(path.read_text("utf-8"))["results"]]
    return {(result["outcome"], result["reason"]) for result in results}
