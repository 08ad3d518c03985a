"""The acceptance run aimed at a server that was there before: two runs share it, and leave it as they found it.

And the commands of the page about that, as they stand there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import xml.etree.ElementTree as ElementTree
from contextlib import closing
from pathlib import Path
from socket import socket
from subprocess import CompletedProcess
from uuid import uuid4

import httpx
import pytest

from acceptance import executables
from acceptance.server import ServerProcess
from forked import Forked
from living_spec.beginning import NOT_BEGUN

ROOT = Path(__file__).parents[2]
RULES = [
    "delete-unknown",
    "quota-freed",
    "private-to-owner",
    "delete-irreversible",
    "in-use-refused",
    "in-use-until-released",
    "in-use-dead-holder",
]
# Of these rules: a scenario of each kind, and all that need a server of their own.
SCENARIOS = (
    "already_deleted or another_user or same_name or a_run_uses or has_ended"
    " or reported or room_for_one or frees_nothing or killed or 60_seconds"
)
PAGE = "docs/your-server.md"
WHY = "This server is not the run's own, so it cannot be stopped or set up otherwise."
LEFT_OUT = {"killed-right-after-success", "room-again", "refused-frees-nothing", "run-lives", "run-died"}


PYTEST = "import pytest, sys; sys.exit(pytest.main())"
# Runs pytest with each of these lists of words, at the same time; the exit code says how many runs failed.
RUNS = """
import json, os, sys
import pytest
from acceptance import warm

def run(words):
    warm.load_anew()
    code = pytest.main(words)
    sys.stdout.flush()
    os._exit(code)

children = [os.fork() or run(json.loads(words)) for words in sys.argv[1:]]
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""


def _words(server: ServerProcess, surface: str, evidence: Path) -> str:
    rules = [f"--rule={rule}" for rule in RULES]
    words = ["tests/acceptance", "-q", "--url", server.url, "--surface", surface, f"--evidence={evidence}"]
    words += ["--numprocesses=0", "-p", "no:cacheprovider"]
    words += ["--one-surface"]  # which types nothing in processes that load themselves
    return json.dumps([*words, "-k", SCENARIOS, *rules])


@pytest.mark.proves("run-leaves-the-server-as-it-was", "run-cannot-kill-another-server")
def test_two_runs_share_a_server_and_leave_it_as_it_was(
    shared_server: ServerProcess, forked_pytest: Forked, tmp_path: Path
) -> None:
    ana, ben = (shared_server.add_user(f"{name}-{uuid4().hex[:8]}") for name in ("ana", "ben"))
    users = {"GRID_USER_ID": ana.user_id, "GRID_API_KEY": ana.api_key}
    others = {"GRID_OTHER_USER_ID": ben.user_id, "GRID_OTHER_API_KEY": ben.api_key}
    runs = [_words(shared_server, surface, tmp_path / surface) for surface in ("api", "cli")]
    done = forked_pytest.run(RUNS, *runs, folder=ROOT, environment=os.environ | users | others)
    assert done.returncode == 0, done.stdout
    for surface in ("api", "cli"):
        held, left_out = _outcomes(tmp_path / surface)
        assert {"already-deleted", "another-user", "run-uses-it", "run-ended", "same-name-two-users"} <= held
        only_there = {"sixty-seconds"} if surface == "api" else set()
        assert left_out == LEFT_OUT | only_there, "they stop the server, set it up, or ask how it is set up"
        assert _reasons(tmp_path / surface) == {WHY}
    for user in (ana, ben):
        with httpx.Client(base_url=shared_server.url, auth=user) as http:
            assert http.get("/v1/core/local/datastores").json()["datastores"] == []
            assert http.get("/v1/core/sessions").json()["sessions"] == []
            assert http.get("/v1/core/local/runs").json()["runs"] == []


@pytest.mark.proves("page-run-works-as-it-stands", "grid-cli-names-the-executable", reads=["docs/your-server.md"])
def test_the_commands_of_the_page_work_as_they_stand(shared_server: ServerProcess, tmp_path: Path) -> None:
    """With another address and other users, of a few rules, and with an executable that says what it was asked."""
    ana, ben = (shared_server.add_user(f"{name}-{uuid4().hex[:8]}") for name in ("ana", "ben"))
    run, report, *_ = re.findall(r"```bash\n(.*?)```", (ROOT / PAGE).read_text("utf-8"), re.DOTALL)
    for value in (*ana, *ben):
        run = run.replace("…", value, 1)
    run = run.replace("https://staging.example.com", shared_server.url)
    folder = _workspace(tmp_path / "fresh")
    asked = tmp_path / "asked"
    grid = tmp_path / "their-grid"
    grid.write_text(f'#!/bin/sh\necho "$1" >> {asked}\nexec {executables.own()} "$@"\n')
    grid.chmod(0o755)
    rules = " ".join(f"--rule={rule}" for rule in ("quota-freed", "delete-unknown", "private-to-owner"))
    done = _typed(folder, run, PYTEST_ADDOPTS=f"-q -p no:cacheprovider -n 0 {rules} --grid-cli={grid}")
    assert done.returncode == 0, done.stdout
    assert set(asked.read_text().split()) >= {"datastore", "login", "status"}
    held, left_out = _outcomes(folder / "out/evidence")
    assert {"already-deleted", "another-user", "same-name-two-users", "signed-in"} <= held
    assert left_out == {"room-again", "refused-frees-nothing"}
    assert {path.name for path in (folder / "out/evidence/reference").iterdir() if path.is_dir()} == {"api", "cli"}
    cases = ElementTree.parse(folder / "out/junit.xml").iter("testcase")
    assert len({case.get("name") for case in cases}) > len(held)
    assert _typed(folder, report).returncode == 0
    assert (folder / "out/summary.md").read_text("utf-8").startswith("## The spec holds; 4 not run\n")
    assert b'"testRunFinished"' in (folder / "out/messages.ndjson").read_bytes()
    with closing(sqlite3.connect(shared_server.folder / "data/catalog.sqlite")) as catalog:
        owned = "FROM versions JOIN users ON users.id = owner_id WHERE users.id IN (?, ?)"
        made = catalog.execute(f"SELECT versions.name, phase {owned}", (ana.user_id, ben.user_id)).fetchall()
    assert {phase for _, phase in made} == {"deleted"}
    endings = [re.search(r"-([0-9a-f]{8})$", name) for name, _ in made]
    assert len({found[1] for found in endings if found}) > 1
    assert None not in endings


@pytest.mark.skipif(not shutil.which("node"), reason="There is no node on this machine.")
@pytest.mark.proves(
    "cucumber-html-from-messages",
    reads=["docs/your-server.md", ".github/workflows/spec.yml", "tools/cucumber-html.mjs"],
)
def test_the_messages_become_html_as_in_ci(tmp_path: Path) -> None:
    """With a formatter that writes what it is given: the real one comes from the network."""
    install, convert = re.findall(r"```bash\n(.*?)```", (ROOT / PAGE).read_text("utf-8"), re.DOTALL)[-1].splitlines()
    workflow = (ROOT / ".github/workflows/spec.yml").read_text("utf-8")
    assert f"\n          {convert}\n" in workflow
    assert re.search(rf"{install.replace('install', 'install --no-save')}@[0-9.]+\n", workflow)
    formatter = tmp_path / "node_modules" / install.split()[-1]
    formatter.mkdir(parents=True)
    (formatter / "package.json").write_text('{"name": "formatter", "main": "index.js"}')
    (formatter / "index.js").write_text(_FORMATTER)
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/cucumber-html.mjs", tmp_path / "tools")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/messages.ndjson").write_text('{"meta": 1}\n{"pickle": 2}\n')
    assert _typed(tmp_path, convert).returncode == 0
    assert (tmp_path / "out/report.html").read_text() == "<meta><pickle>"


_FORMATTER = """
const { Transform } = require('node:stream')
class CucumberHtmlStream extends Transform {
  constructor () {
    super({ writableObjectMode: true, transform: (one, _, next) => next(null, `<${Object.keys(one)[0]}>`) })
  }
}
module.exports = { CucumberHtmlStream }
"""


def _workspace(folder: Path) -> Path:
    """A copy of this checkout in which nothing has been run, with the packages of this one."""
    left_out = shutil.ignore_patterns(".git", ".venv", "build", "out", "site", "pictures", "*_cache")
    shutil.copytree(ROOT, folder, ignore=left_out, symlinks=True)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def _typed(folder: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """How a command of the page ends in this folder."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("GRID_", "PYTEST_"))}
    shell = ["bash", "-euo", "pipefail", "-c", command]
    return subprocess.run(shell, cwd=folder, env=given | environment, capture_output=True, text=True, timeout=300)


def _outcomes(evidence: Path) -> tuple[set[str], set[str]]:
    """The scenarios that held, and those that were not run."""
    found: dict[str, set[str]] = {"passed": set(), "not run": set()}
    for path in evidence.glob("reference/*/*.json"):
        for result in json.loads(path.read_text("utf-8"))["results"]:
            found[result["outcome"]].add(path.stem)
    return found["passed"], found["not run"]


def _reasons(evidence: Path) -> set[str]:
    """Why scenarios were not run."""
    read = [json.loads(path.read_text("utf-8"))["results"] for path in evidence.glob("reference/*/*.json")]
    return {result["reason"] for results in read for result in results if result["outcome"] == "not run"}


def _look(forked_pytest: Forked, url: str, **variables: str) -> CompletedProcess[str]:
    """A run of one scenario on this server, which must end before it begins."""
    words = ["tests/acceptance", "-q", "--url", url, "--surface", "api", "--numprocesses=0", "-k", "paused"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRID_")}
    user = {"GRID_USER_ID": "ana", "GRID_API_KEY": "none"}
    return forked_pytest.run(PYTEST, *words, "-p", "no:cacheprovider", folder=ROOT, environment=kept | user | variables)


@pytest.mark.proves("run-looks-at-the-server-first")
def test_a_run_on_a_server_that_is_down_does_not_begin(forked_pytest: Forked) -> None:
    with socket() as unused:  # bound, but nobody listens
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        done = _look(forked_pytest, url)
    assert done.returncode == NOT_BEGUN, done.stdout + done.stderr
    assert done.stderr.startswith(f"ERROR: The run could not begin: no server answers at {url} (")
    assert done.stderr.endswith("). Start the server, or correct --url. Nothing was run.\n")
    assert done.stdout.strip() == ""


@pytest.mark.proves("run-looks-at-the-server-first")
def test_a_run_with_a_wrong_key_does_not_begin(shared_server: ServerProcess, forked_pytest: Forked) -> None:
    ana = shared_server.add_user(f"ana-{uuid4().hex[:8]}")
    right = {"GRID_USER_ID": ana.user_id, "GRID_API_KEY": ana.api_key}
    wrong = {"GRID_OTHER_USER_ID": "ben", "GRID_OTHER_API_KEY": "none"}
    for given, sentence in (
        ({}, f"the server at {shared_server.url} does not accept GRID_USER_ID and GRID_API_KEY. Correct them."),
        (right | wrong, "does not accept GRID_OTHER_USER_ID and GRID_OTHER_API_KEY. Correct them."),
        (right | wrong | {"GRID_OTHER_USER_ID": ana.user_id}, "are the same user. Name another user"),
    ):
        done = _look(forked_pytest, shared_server.url, **given)
        assert done.returncode == NOT_BEGUN, done.stdout + done.stderr
        assert sentence in done.stderr
    done = _look(forked_pytest, f"{shared_server.url}/elsewhere", **right)
    assert done.returncode == NOT_BEGUN
    assert "but not as Grid's API does. Correct --url." in done.stderr
