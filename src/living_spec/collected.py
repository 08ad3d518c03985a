"""The collection of pytest: the results that a run was asked for, and the tests that give them.

Each process that runs tests sends this once, with its first report, to the process that writes the evidence.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest

    from living_spec.evidence import Key, Result


@dataclass(frozen=True)
class Collected:
    """The collection of one run.

    `asked` are the results that the run was asked for, as (surface, scenario, row), with excluded surfaces. `tests` are
    the ids of all tests of scenarios, also of those that were not chosen. `whole` are the files whose tests were all
    collected. `unfinished` are the tests that started but gave no result, because their process crashed.
    """

    asked: frozenset[tuple[str, str, int]]
    tests: frozenset[str]
    whole: frozenset[str]
    unfinished: frozenset[str] = frozenset()

    @classmethod
    def of(cls, asked: Iterable[Key], tests: frozenset[str], *, some: bool) -> Collected:
        """Make it from the keys of the chosen tests and the ids of all tests. `some`: the run names single tests."""
        files = frozenset() if some else frozenset(map(_file, tests))
        return cls(frozenset((key.surface, key.scenario, key.row) for key in asked), tests, files)

    def drops(self, earlier: Result, root: Path) -> bool:
        """Whether the test of an earlier result no longer exists in the project, so that its result does not count."""
        file = _file(earlier.test)
        return earlier.test not in self.tests and (file in self.whole or not (root / file).exists())

    def after(self, started: Iterable[str], results: Iterable[Result]) -> Collected:
        """The collection after the run, with the unfinished tests."""
        return replace(self, unfinished=self.tests.intersection(started) - {result.test for result in results})

    def to_json(self) -> str:
        """The collection as JSON, to attach to a report."""
        return json.dumps(asdict(self), default=sorted)


def names_single_tests(config: pytest.Config) -> bool:
    """Whether the run may collect only some tests of a file: it names ids of tests, or repeats failed ones."""
    return any("::" in argument for argument in config.args) or bool(config.getoption("lf", False))


def from_json(text: str) -> Collected:
    """The collection from the JSON of `Collected.to_json`."""
    data = json.loads(text)
    return Collected(
        frozenset((surface, scenario, row) for surface, scenario, row in data["asked"]),
        frozenset(data["tests"]),
        frozenset(data["whole"]),
    )


def _file(test: str) -> str:
    return test.partition("::")[0]
