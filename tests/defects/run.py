"""Run the acceptance suite once a defect, on the scenarios of the rule it breaks, and say whether it was caught.

    python -m defects.run [ID…]        (from the folder tests)

A defect is caught where, on every surface that the rule has, a scenario of the rule fails. Exit code 1 when one is not.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from defects.catalogue import CATALOGUE, Defect

ROOT = Path(__file__).parents[2]
_WRAPPER = """#!{python}
import sys
sys.path.insert(0, {tests!r})
from defects.catalogue import CATALOGUE
next(defect for defect in CATALOGUE if defect.id == {id!r}).apply()
from grid_datastores.cli import main
sys.argv[0] = "grid"
main()
"""


def main(wanted: list[str]) -> int:
    """Run all, or the wanted ones; says how many were missed."""
    missed = 0
    for defect in CATALOGUE:
        if wanted and defect.id not in wanted:
            continue
        surfaces = failing_surfaces(defect)
        silent = [name for name, failed in surfaces.items() if not failed]
        missed += bool(silent)
        verdict = f"MISSED on {', '.join(silent)}" if silent else f"caught on {', '.join(surfaces)}"
        print(f"{defect.rule}: {defect.id}: {verdict}", flush=True)
    return 1 if missed else 0


def failing_surfaces(defect: Defect) -> dict[str, int]:
    """How many scenarios of the rule notice the defect, on each surface."""
    with tempfile.TemporaryDirectory() as scratch:
        grid = Path(scratch) / "grid"
        grid.write_text(_WRAPPER.format(python=sys.executable, tests=str(ROOT / "tests"), id=defect.id))
        grid.chmod(0o755)
        evidence = Path(scratch) / "evidence"
        command = [sys.executable, "-m", "pytest", "tests/acceptance", "-q", "-n", "2", "-p", "no:cacheprovider"]
        options = ["--grid-cli", str(grid), "--rule", defect.rule, "--evidence", str(evidence)]
        done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        failed: dict[str, int] = {}
        for path in sorted(evidence.glob("*/*/*.json")):
            results = json.loads(path.read_text())["results"]
            surface = path.parent.name
            failed[surface] = failed.get(surface, 0) + sum(noticed(result["steps"]) for result in results)
        return failed


def noticed(steps: list[dict[str, str]]) -> bool:
    """Whether a step failed that the scenario is about: set-up that breaks has noticed nothing."""
    words = [step["keyword"].strip() for step in steps]
    acting = words.index("When")
    return any(step["outcome"] == "failed" for step in steps[acting:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
