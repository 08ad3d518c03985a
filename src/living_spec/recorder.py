"""The recorder: what a test of a scenario writes its evidence into, step by step."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

import pytest

from living_spec.evidence import (
    Exchange,
    Key,
    Outcome,
    Record,
    Result,
    Screenshot,
    StepEvidence,
    Transcript,
    noticed,
)
from living_spec.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Recorder:
    """The `evidence` fixture: records of one test, each kept with the step that made it.

    >>> evidence.rename("demo-8f3a", "demo")  # doctest: +SKIP
    >>> evidence.transcript("delete --name demo-8f3a --version 1", "Deleted.", 0)  # doctest: +SKIP
    """

    def __init__(self, key: Key, values: Mapping[str, str]) -> None:
        self.key = key
        self.values = values
        self.pictures: dict[str, bytes] = {}
        self._names: dict[str, str] = {}
        self._pending: list[Record] = []
        self._steps: list[StepEvidence] = []
        self._outcome = Outcome.PASSED
        self._reason = ""
        self._started = datetime.now(UTC)
        self._clock = time.perf_counter()

    def transcript(self, command: str, output: str, exit_code: int) -> None:
        """Record a command, what it printed, and its exit code."""
        self._pending.append(Transcript(self._shown(command), self._shown(output), exit_code))

    def exchange(self, method: str, path: str, request_body: str, status: int, response_body: str) -> None:
        """Record an HTTP request and its answer."""
        self._pending.append(
            Exchange(method, self._shown(path), self._shown(request_body), status, self._shown(response_body))
        )

    def screenshot(self, label: str, png: bytes) -> None:
        """Record a picture under a label."""
        file = f"{hashlib.sha256(png).hexdigest()[:16]}.png"
        self.pictures[file] = png
        self._pending.append(Screenshot(self._shown(label), file))

    def rename(self, real: str, shown: str) -> None:
        """From now on, record `shown` wherever `real` stands: for unique names, random ports and ids."""
        self._names[real] = shown

    @property
    def names(self) -> Mapping[str, str]:
        """What is shown for which names, for records that are no text."""
        return self._names

    def not_run(self, reason: str) -> NoReturn:
        """End this test: it cannot be run here, for this reason."""
        pytest.skip(reason)

    # What follows is for the plugin.

    def end_step(self, keyword: str, text: str, outcome: Outcome, message: str = "") -> None:
        """Close a step; what was recorded since the one before belongs to it."""
        step = StepEvidence(keyword, self._shown(text), outcome, self._shown(message), tuple(self._pending))
        self._pending.clear()
        self._steps.append(step)

    def end_phase(self, outcome: Outcome, reason: str) -> None:
        """Take the outcome of setup, call or teardown; the first that did not pass is that of the test."""
        if self._outcome is Outcome.PASSED:
            self._outcome, self._reason = outcome, self._shown(reason)

    @property
    def noticed(self) -> bool:
        """Whether the steps so far saw something else than the scenario says."""
        return noticed(self._steps)

    def result(self, steps: Sequence[tuple[str, str]]) -> Result:
        """The result, given all steps of the scenario: those that never ended were not run."""
        for keyword, text in steps[len(self._steps) :]:
            self.end_step(keyword, text, Outcome.NOT_RUN)
        if self._pending and self._steps:  # recorded after the last step
            last = self._steps[-1]
            self._steps[-1] = replace(last, records=(*last.records, *self._pending))
        return Result(
            key=self.key,
            values=self.values,
            outcome=self._outcome,
            reason=self._reason,
            started=self._started.isoformat(timespec="seconds"),
            duration=round(time.perf_counter() - self._clock, 3),
            steps=tuple(self._steps),
        )

    def _shown(self, text: str) -> str:
        text = plain(text)
        if not self._names:
            return text
        # One pass, longest first: no name is found inside a longer one, or in what replaced another.
        names = sorted(self._names, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, names)), lambda match: self._names[match[0]], text)
