"""Where the time of the gate goes: run a stage and measure it, or print the table of all stages and tests.

    python tests/timetable.py run STAGE COMMAND...
    python tests/timetable.py

It needs nothing but Python, so that it can measure the set-up, too. `timing.py` measures the tests.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

_TIMES = Path(__file__).parents[1] / "build" / "times"
_STAGES = _TIMES / "stages.jsonl"
_SLOWEST = 20
_WIDTH = 90  # characters of a test's name


def run(stage: str, command: list[str]) -> int:
    """Run the command and record its wall and CPU time; returns its exit code."""
    began = time.perf_counter()
    code = subprocess.run(command, check=False).returncode
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = {"stage": stage, "wall": time.perf_counter() - began, "cpu": spent.ru_utime + spent.ru_stime}
    _TIMES.mkdir(parents=True, exist_ok=True)
    with _STAGES.open("a") as file:
        print(json.dumps(took), file=file)
    return code


def table() -> str:
    """The stages, the CPU time by kind of test, and the slowest tests."""
    tests = [cost for file in sorted(_TIMES.glob("tests-*.json")) for cost in json.loads(file.read_text())]
    rows = ["Stages                                    wall      CPU   (seconds)"]
    rows += [f"{stage:<36}{wall:>9.1f}{cpu:>9.1f}" for stage, (wall, cpu) in _stages().items()]
    rows += ["", "Tests, by kind                           tests      CPU"]
    rows += [f"{kind:<36}{count:>9}{cpu:>9.1f}" for kind, count, cpu in _by_kind(tests)]
    rows += ["", f"The slowest {_SLOWEST} tests                       wall      CPU"]
    rows += [f"{one['wall']:>45.1f}{one['cpu']:>9.1f}   {_name(one)}" for one in _slowest(tests)]
    return "\n".join(rows)


def _stages() -> dict[str, tuple[float, float]]:
    """The wall and CPU time of each stage, which can have several commands."""
    took: dict[str, tuple[float, float]] = {}
    for line in _STAGES.read_text().splitlines() if _STAGES.exists() else []:
        one = json.loads(line)
        wall, cpu = took.get(one["stage"], (0.0, 0.0))
        took[one["stage"]] = wall + one["wall"], cpu + one["cpu"]
    return took


def _by_kind(tests: list[dict[str, Any]]) -> list[tuple[str, int, float]]:
    kinds: dict[str, list[float]] = defaultdict(list)
    for one in tests:
        kinds[one["kind"]].append(one["cpu"])
    starts = [one["start_up"] for one in tests if one["start_up"]]
    rows = sorted(((kind, len(costs), sum(costs)) for kind, costs in kinds.items()), key=lambda row: -row[2])
    return [*rows, ("starting pytest's processes", len(starts), sum(starts))]


def _slowest(tests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(tests, key=lambda one: -one["wall"])[:_SLOWEST]


def _name(one: dict[str, Any]) -> str:
    name = str(one["test"]).removeprefix("tests/").replace("acceptance/test_features.py::test_", "acceptance::")
    return name if len(name) <= _WIDTH else f"{name[: _WIDTH - 1]}…"


def main(words: list[str]) -> int:
    """Do what the words say."""
    if words[:1] == ["run"]:
        return run(words[1], words[2:])
    print(table())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
