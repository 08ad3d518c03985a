"""The time table of the gate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import timetable
from timing import processor_time

_BUSY = "import time; began = time.process_time()\nwhile time.process_time() < began + 0.2: pass"


@pytest.fixture(autouse=True)
def times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the table is made from."""
    monkeypatch.setattr(timetable, "_TIMES", tmp_path)
    monkeypatch.setattr(timetable, "_STAGES", tmp_path / "stages.jsonl")
    return tmp_path


def test_a_stage_ends_as_its_command_does() -> None:
    assert timetable.run("checks", [sys.executable, "-c", "raise SystemExit(3)"]) == 3


def test_the_commands_of_a_stage_are_added_up(times: Path) -> None:
    with (times / "stages.jsonl").open("w") as file:
        for wall, cpu in ((2.0, 1.0), (3.0, 1.5)):
            print(json.dumps({"stage": "checks", "wall": wall, "cpu": cpu}), file=file)
    assert ["checks", "5.0", "2.5"] in [line.split() for line in timetable.table().splitlines()]


def test_tests_are_counted_by_kind_and_the_slowest_come_first(times: Path) -> None:
    costs = [
        {"kind": "unit", "test": f"tests/unit/test_a.py::test_{n}", "cpu": 0.5, "wall": float(n), "start_up": 0.0}
        for n in range(1, 31)
    ]
    (times / "tests-1.json").write_text(json.dumps(costs))
    lines = [line.split() for line in timetable.table().splitlines()]
    assert ["unit", "30", "15.0"] in lines
    assert [line[0] for line in lines if line[-1:] and line[-1].startswith("unit/")] == [
        f"{n}.0" for n in range(30, 10, -1)
    ]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="Only /proc tells of processes that have not ended.")
def test_processes_that_have_not_ended_count() -> None:
    before = processor_time()
    with subprocess.Popen(
        [sys.executable, "-c", f"{_BUSY}\nprint(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        child.stdout.readline()
        assert processor_time() - before >= 0.2 - 2 / os.sysconf("SC_CLK_TCK")  # it counts in ticks
        child.communicate(b"\n")
