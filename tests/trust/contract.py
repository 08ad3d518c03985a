"""Schemathesis against a real server: what the OpenAPI description allows and forbids, one request and several."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

from acceptance.server import ServerProcess
from trust.attack import Attack, Figures
from trust.machines import scratch, server_in

_CASES, _FAILED, _CHECKS, _TRACEBACKS = "cases", "undocumented 5xx", "failed checks", "tracebacks"
_ROUND = 3_000  # cases, at least about, of one server
_DOCUMENTED = (503, 507)
_PATIENCE = 1200  # seconds
# A description in OpenAPI can forbid less than the rules do: a name of a certain form, a version that exists.
_EXCLUDED = "positive_data_acceptance"
_HOOKS = """
import schemathesis

@schemathesis.serializer("application/x-ndjson")
def lines(_context, value):
    return value if isinstance(value, bytes) else str(value).encode()
"""


def run(budget: int, seed: int) -> Figures:
    """Send so many cases, at least."""
    figures, random = Figures(), Random(seed)
    while figures.counts[_CASES] < budget and not figures.faults:
        whole = budget >= _ROUND
        with scratch() as folder, server_in(folder) as server:
            _round(figures, folder, server, random.randrange(2**31), whole=whole)
    return figures


def _round(figures: Figures, folder: Path, server: ServerProcess, seed: int, *, whole: bool) -> None:
    """All phases, or, for a small budget, only the one that is quickest."""
    user, events = server.add_user("ana"), folder / "events.ndjson"
    (folder / "hooks.py").write_text(_HOOKS)
    program = Path(sys.executable).with_name("schemathesis")
    command = [str(program), "run", f"{server.url}/openapi.json", "--auth", f"{user.user_id}:{user.api_key}"]
    command += ["--seed", str(seed), "--max-examples", "10" if whole else "2", "--no-shrink", "--continue-on-failure"]
    command += ["--checks", "all", "--exclude-checks", _EXCLUDED, "--suppress-health-check", "all"]
    command += ["--report", "ndjson", "--report-ndjson-path", str(events)]
    if not whole:
        command += ["--phases", "fuzzing"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(folder)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-3000:]
    for case, status, failures in _cases(events):
        figures.count(_CASES)
        account = f"{case} with the seed {seed}: {status} {failures}"
        figures.check(status < 500 or status in _DOCUMENTED, _FAILED, account)
        figures.check(not failures, _CHECKS, account)
    log = (server.folder / "serve.log").read_text()
    figures.check("Traceback" not in log, _TRACEBACKS, f"with the seed {seed}: {log[-2000:]}")


def _cases(events: Path) -> Iterator[tuple[str, int, list[str]]]:
    """Each case: its request, the status of its answer, and the checks that it failed."""
    for line in events.read_text().splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for id_, sent in recorder.get("interactions", {}).items():
            answer = sent.get("response")
            status = answer["status_code"] if answer else 599
            case = f"{sent['request']['method']} {sent['request']['uri'][:300]}"
            failed = [one for one in recorder["checks"].get(id_, []) if one["status"] == "failure"]
            yield case, status, [json.dumps(one)[:500] for one in failed if not _is_known(one["name"], status)]


def _is_known(check: str, status: int) -> bool:
    """Whether a check expects something else than the API documents."""
    return (check, status) in (("ignored_auth", 429), ("negative_data_rejection", 413))


ATTACK = Attack(
    "contract",
    "The API, by Schemathesis with its checks, from the OpenAPI description",
    _CASES,
    (_FAILED, _CHECKS, _TRACEBACKS),
    run,
    bounded=60,
    long=10_000,
    parts=3,
)
