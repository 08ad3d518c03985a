"""What the tests cost: the processor's time of each, with that of the processes that it starts, and how long it took.

Loaded as a plugin by `tests/conftest.py`. Each run of pytest leaves one file in `build/times`; `tools/timetable.py`
prints them. A test bears what is started for it and later ones alike, such as a server or a browser.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import pytest

_PROPERTY = "timing"
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What one test took; `start_up` is what its process took before its first test. Seconds."""

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

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """A test begins."""
        self.cpu, self.wall = processor_time(), time.perf_counter()
        self.start_up = 0.0 if self.started else self.cpu
        self.started = True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the cost on the last report of the test, which reaches the process that writes."""
        report = yield
        if call.when == "teardown":
            cost = Cost(item.nodeid, processor_time() - self.cpu, time.perf_counter() - self.wall, self.start_up)
            report.user_properties.append((_PROPERTY, json.dumps(asdict(cost))))
        return report


class _Writer:
    """In the one process that is no worker of xdist: writes down what every test took."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._costs: list[object] = []
        self._began = time.time()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the cost from a report that carries one."""
        self._costs += [json.loads(cast("str", value)) for name, value in report.user_properties if name == _PROPERTY]

    def pytest_sessionfinish(self) -> None:
        """Write what came in."""
        if self._costs:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / f"tests-{self._began:.3f}.json").write_text(json.dumps(self._costs))


def pytest_configure(config: pytest.Config) -> None:
    """Measure where tests run, write where reports arrive; without xdist both are one process."""
    config.pluginmanager.register(_Meter(), "timing-meter")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Writer(config.rootpath / "build" / "times"), "timing-writer")


def processor_time() -> float:
    """Seconds that this process and all that it started have used; without /proc, only of those that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system + _alive(os.getpid())


def _alive(parent: int) -> float:
    """What the descendants that have not ended have used."""
    total = 0.0
    for children in Path(f"/proc/{parent}/task").glob("*/children"):
        try:
            pids = children.read_text().split()
        except OSError:
            continue
        total += sum(_of(int(pid)) + _alive(int(pid)) for pid in pids)
    return total


def _of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICK
