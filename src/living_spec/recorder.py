"""The recorder of one test of a scenario: collects the evidence, step by step."""

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
)
from living_spec.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Recorder:
    """The fixture `evidence`: takes the records of one test and assigns each to its step.

    >>> evidence.rename("demo-8f3a", "demo")  # doctest: +SKIP
    >>> evidence.transcript("delete --name demo-8f3a --version 1", "Deleted.", 0)  # doctest: +SKIP
    """

    def __init__(self, key: Key, values: Mapping[str, str], test: str = "") -> None:
        self.key = key
        self.values = values
        self.test = test
        self.pictures: dict[str, bytes] = {}
        self._names: dict[str, str] = {}
        self._pending: list[Record] = []
        self._steps: list[StepEvidence] = []
        self._outcome = Outcome.PASSED
        self._reason = ""
        self._torn_down = ""
        self._started = datetime.now(UTC)
        self._clock = time.perf_counter()

    def transcript(self, command: str, output: str, exit_code: int) -> None:
        """Record a command, its output, and its exit code."""
        self._pending.append(Transcript(self._shown(command), self._shown(output), exit_code))

    def exchange(self, method: str, path: str, request_body: str, status: int, response_body: str) -> None:
        """Record an HTTP request and its response."""
        self._pending.append(
            Exchange(method, self._shown(path), self._shown(request_body), status, self._shown(response_body))
        )

    def screenshot(self, label: str, png: bytes) -> None:
        """Record a picture under a label."""
        file = f"{hashlib.sha256(png).hexdigest()[:16]}.png"
        self.pictures[file] = png
        self._pending.append(Screenshot(self._shown(label), file))

    def rename(self, real: str, shown: str) -> None:
        """Replace `real` by `shown` in all later records: for unique names, random ports and ids."""
        self._names[real] = shown

    @property
    def names(self) -> Mapping[str, str]:
        """The replacements, real -> shown, for records that are not text."""
        return self._names

    def not_run(self, reason: str) -> NoReturn:
        """End this test as not run, for this reason."""
        pytest.skip(reason)

    # The plugin calls the methods below.

    def end_step(
        self,
        keyword: str,
        text: str,
        outcome: Outcome,
        message: str = "",
        *,
        type: str = "",
        asserted: bool = False,
    ) -> None:
        """End a step; it gets the records since the previous one. See `StepEvidence` for `type` and `asserted`."""
        records = tuple(self._pending)
        step = StepEvidence(keyword, self._shown(text), outcome, self._shown(message), records, type, asserted)
        self._pending.clear()
        self._steps.append(step)

    def end_phase(self, outcome: Outcome, reason: str, *, teardown: bool = False) -> None:
        """Take the outcome of setup, call or teardown. The first failure counts, or else the first reason."""
        if teardown and outcome is Outcome.FAILED:
            self._torn_down = self._shown(reason)
        if self._outcome is Outcome.PASSED or (self._outcome is Outcome.NOT_RUN and outcome is Outcome.FAILED):
            self._outcome, self._reason = outcome, self._shown(reason)

    @property
    def steps(self) -> Sequence[StepEvidence]:
        """The steps so far."""
        return self._steps

    def result(self, steps: Sequence[tuple[str, str]]) -> Result:
        """The result, given the (keyword, text) of all steps; steps that have not ended were not run."""
        for keyword, text in steps[len(self._steps) :]:
            self.end_step(keyword, text, Outcome.NOT_RUN)
        if self._pending and self._steps:  # recorded after the last step
            last = self._steps[-1]
            self._steps[-1] = replace(last, records=(*last.records, *self._pending))
        return Result(
            key=self.key,
            values=self.values,
            outcome=self._whole(),
            reason=self._reason,
            started=self._started.isoformat(timespec="seconds"),
            duration=round(time.perf_counter() - self._clock, 3),
            steps=tuple(self._steps),
            test=self.test,
            torn_down=self._torn_down,
        )

    def _whole(self) -> Outcome:
        """The outcome of the test; a failure wins, even if the test was retried or ended as skipped."""
        failed = self._torn_down or any(step.outcome is Outcome.FAILED for step in self._steps)
        return Outcome.FAILED if failed else self._outcome

    def _shown(self, text: str) -> str:
        text = plain(text)
        if not self._names:
            return text
        # In one pass, longest first, so that neither part of a longer name nor a replacement is replaced.
        names = sorted(self._names, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, names)), lambda match: self._names[match[0]], text)
