"""Run the scenarios of a rule against each defect of it, and say whether they notice.

    make defects [DEFECTS="ID…"]

A defect is caught where, on every surface that it names or its rule has, a scenario of the rule fails. The results are
written to `noticed.json`, with the day and the digest of what decides them (`freshness`), and the site shows them. The
exit code is 1 when a defect is missed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from acceptance.executables import wrapped
from defects import freshness
from defects.catalogue import CATALOGUE, Defect
from living_spec.config import find_config
from living_spec.evidence import noticed, result_from_json
from living_spec.spec import Spec, read_spec

ROOT = Path(__file__).parents[2]
NOTICED = Path(__file__).parent / "noticed.json"


def main(wanted: list[str]) -> int:
    """Try all defects, or the wanted ones, and write down the results; 1 when one was missed, 2 for an unknown id."""
    if unknown := set(wanted) - {defect.id for defect in CATALOGUE}:
        print(f"There is no defect {', '.join(sorted(unknown))}; tests/defects has them all.", file=sys.stderr)
        return 2
    spec = read_spec(find_config(ROOT))
    known = read_noticed()
    missed = 0
    for defect in CATALOGUE:
        if wanted and defect.id not in wanted:
            continue
        # Computed before the run: a change meanwhile makes the result stale.
        digest = freshness.digest(defect, spec.rule(defect.rule))
        surfaces = failing_surfaces(defect)
        silent = [name for name, failed in surfaces.items() if not failed]
        caught = [name for name, failed in surfaces.items() if failed]
        missed += bool(silent)
        verdict = f"MISSED on {', '.join(silent)}" if silent else f"caught on {', '.join(caught)}"
        print(f"{defect.rule}: {defect.id}: {verdict}", flush=True)
        today = str(datetime.now(UTC).date())
        known[defect.id] = {"caught": caught, "missed": silent, "seen": today, "digest": digest}
        _write(known)
    return 1 if missed else 0


def stale(spec: Spec) -> list[str]:
    """The ids of the defects that were not tried as they stand now."""
    known = read_noticed()
    return [
        defect.id
        for defect in CATALOGUE
        if known.get(defect.id, {}).get("digest") != freshness.digest(defect, spec.rule(defect.rule))
    ]


def failing_surfaces(defect: Defect) -> dict[str, int]:
    """How many scenarios of the rule notice the defect, on each surface."""
    with tempfile.TemporaryDirectory() as scratch:
        grid = wrapped(Path(scratch), f"from defects.catalogue import apply\napply({defect.id!r})")
        evidence = Path(scratch) / "evidence"
        command = [sys.executable, "-m", "pytest", "tests/acceptance", "-q", "-n", "2", "-p", "no:cacheprovider"]
        options = [word for name in defect.surfaces for word in ("--surface", name)]
        options += ["--grid-cli", grid, "--rule", defect.rule, "--evidence", str(evidence)]
        done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        failed: dict[str, int] = {}
        for path in sorted(evidence.glob("*/*/*.json")):
            results = [result_from_json(data) for data in json.loads(path.read_text())["results"]]
            surface = path.parent.name
            failed[surface] = failed.get(surface, 0) + sum(noticed(result.steps) for result in results)
        return failed


def read_noticed() -> dict[str, dict[str, Any]]:
    """The results so far, by the ids of the defects."""
    if not NOTICED.exists():
        return {}
    return {one["id"]: one for one in json.loads(NOTICED.read_text("utf-8"))["defects"]}


def _write(known: dict[str, dict[str, Any]]) -> None:
    """Write the results in the order of the catalogue, without those of defects that it no longer has."""
    tried = [
        {
            "id": defect.id,
            "rule": defect.rule,
            "what": defect.what,
            **{key: known[defect.id][key] for key in ("caught", "missed", "seen", "digest")},
        }
        for defect in CATALOGUE
        if defect.id in known
    ]
    NOTICED.write_text(json.dumps({"defects": tried}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
