"""Measures each test: its wall time, and the CPU time of its process and of all processes that were started.

A plugin that `tests/conftest.py` loads. Each run of pytest writes one file into `build/times`, which `timetable.py`
prints. A shared server or browser counts for the test that starts it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import pytest

from acceptance.options import surface_of

_PROPERTY = "timing"
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What one test took, in seconds; `start_up` is the CPU time of its process before its first test."""

    kind: str
    test: str
    cpu: float
    wall: float
    start_up: float = 0.0


@dataclass(eq=False)  # a plugin: pytest keeps plugins in sets
class _Meter:
    """Measures in the process that runs the tests."""

    started: bool = False
    start_up: float = 0.0
    cpu: float = 0.0
    wall: float = 0.0
    spent: float = 0.0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Start the clocks of a test."""
        self.cpu, self.wall = processor_time(), time.perf_counter()
        self.start_up = 0.0 if self.started else self.cpu
        self.spent = 0.0
        self.started = True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the cost to the last report of the test: xdist sends reports to the process that writes."""
        report = yield
        # The time of a process that nobody waited for is lost when it ends, so the largest sum counts.
        if call.when != "setup":
            self.spent = max(self.spent, processor_time() - self.cpu)
        if call.when == "teardown":
            cost = Cost(kind_of(item), item.nodeid, self.spent, time.perf_counter() - self.wall, self.start_up)
            report.user_properties.append((_PROPERTY, json.dumps(asdict(cost))))
        return report


class _Writer:
    """In the process that is not an xdist worker: writes the costs of all tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._costs: list[object] = []
        self._began = time.time()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the cost that a report carries."""
        self._costs += [json.loads(cast("str", value)) for name, value in report.user_properties if name == _PROPERTY]

    def pytest_sessionfinish(self) -> None:
        """Write the costs of this run."""
        if self._costs:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / f"tests-{self._began:.3f}.json").write_text(json.dumps(self._costs))


def pytest_configure(config: pytest.Config) -> None:
    """Measure in every process that runs tests; write in the one that receives the reports.

    A run that a test starts counts for that test.
    """
    config.pluginmanager.register(_Meter(), "timing-meter")
    if not hasattr(config, "workerinput") and "PYTEST_CURRENT_TEST" not in os.environ:
        config.pluginmanager.register(_Writer(config.rootpath / "build" / "times"), "timing-writer")


def kind_of(item: pytest.Item) -> str:
    """The folder of a test, and of a scenario the surface, and the edition unless it is the reference."""
    folder = item.path.relative_to(item.config.rootpath / "tests").parts[0]
    edition = item.config.getoption("edition") if surface_of(item) else None
    return " ".join(filter(None, (folder, surface_of(item), edition)))


def processor_time() -> float:
    """CPU seconds of this process and its descendants; without /proc, of the descendants that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system + _alive(os.getpid())


def _alive(parent: int) -> float:
    """CPU seconds of the descendants that are still running."""
    return sum(_of(child) + _alive(child) for child in _children(parent))


def _children(parent: int) -> list[int]:
    """The processes that the threads of a process have started; threads and processes end while they are read."""
    pids: list[str] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{parent}/task"):  # noqa: PTH208  a tenth of the time of a Path
            with suppress(OSError), open(f"/proc/{parent}/task/{thread}/children") as children:  # noqa: PTH123
                pids += children.read().split()
    return [int(pid) for pid in pids]


def _of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICK
