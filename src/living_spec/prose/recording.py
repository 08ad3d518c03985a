"""The part of the pytest plugin that records the tests with `@pytest.mark.proves`."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, TypedDict, cast

import pytest

from living_spec.evidence import Outcome
from living_spec.prose.facts import (
    MARKER,
    Case,
    TestResult,
    fact_digests,
    proving_tests,
    worst,
    write_results,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from living_spec.config import Config

_PROPERTY = "living_spec_proves"
_collected = pytest.StashKey[Counter[str]]()


class _Parcel(TypedDict):
    """One phase of a case, which a worker sends to the process that writes. `cases` counts the cases of the test."""

    test: str
    cases: int
    reason: str


def record_facts(config: pytest.Config, settings: Config, by_node_id: bool) -> None:
    """Register the marker, and the plugins that record what tests prove.

    `by_node_id` says whether the run names single tests: then it may have only some cases of a test. Raises
    SpecError for a marker that does not name its facts as literal strings.
    """
    config.addinivalue_line("markers", f"{MARKER}(*facts, reads=()): the facts of the pages that a test proves")
    config.pluginmanager.register(_Marked(), "living-spec-marked")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_FactWriter(settings, by_node_id), "living-spec-facts")


class _Marked:
    """Counts the cases of each test that proves facts, and attaches a parcel to each report."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Count the cases before any is deselected."""
        names = (_without_parameters(item.nodeid) for item in items if item.get_closest_marker(MARKER))
        config.stash[_collected] = Counter(names)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the parcel to the report of each phase."""
        report = yield
        if item.get_closest_marker(MARKER):
            name = _without_parameters(item.nodeid)
            reason = call.excinfo.exconly() if call.excinfo else ""
            parcel: _Parcel = {"test": name, "cases": item.config.stash[_collected][name], "reason": reason}
            report.user_properties = [*report.user_properties, (_PROPERTY, json.dumps(parcel))]
        return report


class _FactWriter:
    """Collects the results of tests that prove facts, and writes them at the end. Workers of xdist have none."""

    def __init__(self, config: Config, by_node_id: bool) -> None:
        self._config = config
        self._by_node_id = by_node_id
        self._digests = fact_digests(config, proving_tests(config))
        self._phases: dict[tuple[str, str], list[tuple[Outcome, str]]] = {}
        self._cases: dict[str, int] = {}
        self._running: set[str] = set()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note that a case has started: if its process crashes or is interrupted, no report says so."""
        self._running.add(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a phase from a report that has one. The last phase of a case is its tear-down."""
        for name, value in report.user_properties:
            if name == _PROPERTY:
                parcel = cast("_Parcel", json.loads(cast("str", value)))
                self._cases[parcel["test"]] = parcel["cases"]
                self._phases.setdefault((parcel["test"], report.nodeid), []).append(
                    (_outcome(report), parcel["reason"])
                )
                if report.when == "teardown":
                    self._running.discard(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write the results, also after an interrupted run. A case that did not end has failed."""
        for id_ in self._running:
            self._phases.setdefault((_without_parameters(id_), id_), []).append((Outcome.FAILED, "it did not end"))
        if self._phases:
            write_results(self._config, self._results())

    def _results(self) -> Mapping[str, TestResult]:
        cases: dict[str, dict[str, Case]] = {}
        for (test, id_), phases in self._phases.items():
            if test in self._digests:
                outcome = worst(outcome for outcome, _ in phases)
                reason = next(reason for of_phase, reason in phases if of_phase is outcome)
                cases.setdefault(test, {})[id_] = Case(outcome, reason, self._digests[test])
        return {
            test: TestResult(of_test, not self._by_node_id and len(of_test) >= self._cases.get(test, math.inf))
            for test, of_test in cases.items()
        }


def _outcome(report: pytest.TestReport) -> Outcome:
    """The outcome of a phase. An expected failure counts as failed: only what cannot run here is not run.

    A plugin that retries a test reports its own outcome for a failure: it counts as failed.
    """
    if hasattr(report, "wasxfail"):
        return Outcome.FAILED
    return {"passed": Outcome.PASSED, "skipped": Outcome.NOT_RUN}.get(report.outcome, Outcome.FAILED)


def _without_parameters(nodeid: str) -> str:
    """The name of a test, given the id of one of its cases."""
    return nodeid.partition("[")[0]
