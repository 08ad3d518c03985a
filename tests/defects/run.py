"""Run the acceptance suite once a defect, on the scenarios of the rule it breaks, and say whether it was caught.

    make defects [DEFECTS="ID…"]

A defect is caught where, on every surface that the rule has, a scenario of the rule fails. What was seen is written
to `noticed.json`, with the day and the digest of the sources, and the site shows it. Exit code 1 when one is missed.
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
from defects.catalogue import CATALOGUE, Defect
from living_spec.config import find_config
from living_spec.evidence import digest, noticed, result_from_json

ROOT = Path(__file__).parents[2]
NOTICED = Path(__file__).parent / "noticed.json"


def main(wanted: list[str]) -> int:
    """Try all, or the wanted ones, and write down what was seen; 1 when one was missed."""
    if unknown := set(wanted) - {defect.id for defect in CATALOGUE}:
        print(f"There is no defect {', '.join(sorted(unknown))}; tests/defects has them all.", file=sys.stderr)
        return 2
    known = _read()
    missed = 0
    for defect in CATALOGUE:
        if wanted and defect.id not in wanted:
            continue
        # Taken before the run: a source that changes meanwhile makes what was seen out of date.
        sources = digest(find_config(ROOT))
        surfaces = failing_surfaces(defect)
        silent = [name for name, failed in surfaces.items() if not failed]
        caught = [name for name, failed in surfaces.items() if failed]
        missed += bool(silent)
        verdict = f"MISSED on {', '.join(silent)}" if silent else f"caught on {', '.join(caught)}"
        print(f"{defect.rule}: {defect.id}: {verdict}", flush=True)
        seen = {"seen": str(datetime.now(UTC).date()), "digest": sources}
        known[defect.id] = {"caught": caught, "missed": silent, **seen}
        _write(known)
    return 1 if missed else 0


def failing_surfaces(defect: Defect) -> dict[str, int]:
    """How many scenarios of the rule notice the defect, on each surface."""
    with tempfile.TemporaryDirectory() as scratch:
        prepare = "from defects.catalogue import CATALOGUE\nnext(d for d in CATALOGUE if d.id == {!r}).apply()"
        grid = wrapped(Path(scratch), prepare.format(defect.id))
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


def _read() -> dict[str, dict[str, Any]]:
    if not NOTICED.exists():
        return {}
    return {one["id"]: one for one in json.loads(NOTICED.read_text("utf-8"))["defects"]}


def _write(known: dict[str, dict[str, Any]]) -> None:
    """In the order of the catalogue; what is no more in it is left out."""
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
