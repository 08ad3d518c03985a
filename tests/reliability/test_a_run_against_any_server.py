"""The acceptance run aimed at a server that was there before: two runs share it, and leave it as they found it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from socket import socket
from subprocess import PIPE, CompletedProcess, Popen, run
from uuid import uuid4

import httpx

from acceptance.server import Credentials, ServerProcess
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
LEFT_OUT = {"killed-right-after-success", "room-again", "refused-frees-nothing", "run-lives", "run-died"}


def _run(server: ServerProcess, surface: str, ana: Credentials, ben: Credentials, evidence: Path) -> Popen[str]:
    rules = [f"--rule={rule}" for rule in RULES]
    words = ["--url", server.url, "--surface", surface, f"--evidence={evidence}", "--numprocesses=0"]
    who = {
        "GRID_USER_ID": ana.user_id,
        "GRID_API_KEY": ana.api_key,
        "GRID_OTHER_USER_ID": ben.user_id,
        "GRID_OTHER_API_KEY": ben.api_key,
    }
    return Popen(
        [sys.executable, "-m", "pytest", "tests/acceptance", "-q", *words, "-k", SCENARIOS, *rules],
        cwd=ROOT,
        env=os.environ | who,
        stdout=PIPE,
        text=True,
    )


def test_two_runs_share_a_server_and_leave_it_as_it_was(shared_server: ServerProcess, tmp_path: Path) -> None:
    ana, ben = (shared_server.add_user(f"{name}-{uuid4().hex[:8]}") for name in ("ana", "ben"))
    runs = [_run(shared_server, surface, ana, ben, tmp_path / surface) for surface in ("api", "cli")]
    said = [each.communicate(timeout=300)[0] for each in runs]
    assert [each.returncode for each in runs] == [0, 0], said
    for surface in ("api", "cli"):
        held, left_out = _outcomes(tmp_path / surface)
        assert {"already-deleted", "another-user", "run-uses-it", "run-ended", "same-name-two-users"} <= held
        only_there = {"sixty-seconds"} if surface == "api" else set()
        assert left_out == LEFT_OUT | only_there, "they stop the server, set it up, or ask how it is set up"
    for user in (ana, ben):
        with httpx.Client(base_url=shared_server.url, auth=user) as http:
            assert http.get("/v1/core/local/datastores").json()["datastores"] == []
            assert http.get("/v1/core/sessions").json()["sessions"] == []
            assert http.get("/v1/core/local/runs").json()["runs"] == []


def _outcomes(evidence: Path) -> tuple[set[str], set[str]]:
    """The scenarios that held, and those that were not run."""
    found: dict[str, set[str]] = {"passed": set(), "not run": set()}
    for path in evidence.glob("reference/*/*.json"):
        for result in json.loads(path.read_text("utf-8"))["results"]:
            found[result["outcome"]].add(path.stem)
    return found["passed"], found["not run"]


def _look(url: str, **variables: str) -> CompletedProcess[str]:
    """A run of one scenario on this server, which must end before it begins."""
    words = ["--url", url, "--surface", "api", "--numprocesses=0", "-p", "no:cacheprovider", "-k", "paused"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRID_")}
    return run(
        [sys.executable, "-m", "pytest", "tests/acceptance", "-q", *words],
        cwd=ROOT,
        env=kept | {"GRID_USER_ID": "ana", "GRID_API_KEY": "none"} | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_run_on_a_server_that_is_down_does_not_begin() -> None:
    with socket() as unused:  # bound, but nobody listens
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        done = _look(url)
    assert done.returncode == NOT_BEGUN, done.stdout + done.stderr
    assert done.stderr.startswith(f"ERROR: The run could not begin: no server answers at {url} (")
    assert done.stderr.endswith("). Start the server, or correct --url. Nothing was run.\n")
    assert done.stdout.strip() == ""


def test_a_run_with_a_wrong_key_does_not_begin(shared_server: ServerProcess) -> None:
    ana = shared_server.add_user(f"ana-{uuid4().hex[:8]}")
    right = {"GRID_USER_ID": ana.user_id, "GRID_API_KEY": ana.api_key}
    wrong = {"GRID_OTHER_USER_ID": "ben", "GRID_OTHER_API_KEY": "none"}
    for given, sentence in (
        ({}, f"the server at {shared_server.url} does not accept GRID_USER_ID and GRID_API_KEY. Correct them."),
        (right | wrong, "does not accept GRID_OTHER_USER_ID and GRID_OTHER_API_KEY. Correct them."),
        (right | wrong | {"GRID_OTHER_USER_ID": ana.user_id}, "are the same user. Name another user"),
    ):
        done = _look(shared_server.url, **given)
        assert done.returncode == NOT_BEGUN, done.stdout + done.stderr
        assert sentence in done.stderr
    done = _look(f"{shared_server.url}/elsewhere", **right)
    assert done.returncode == NOT_BEGUN
    assert "but not as Grid's API does. Correct --url." in done.stderr
