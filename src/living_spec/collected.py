"""What pytest collected: the results that were asked for, and the tests that give them.

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
    """`asked` are the results that the run was asked for, as (surface, scenario, row), excluded surfaces included.

    `tests` are the ids of all tests of scenarios, those that were not chosen included. `whole` are the files whose
    tests were all collected. `unfinished` are the tests that started and gave no result, as their process crashed.
    """

    asked: frozenset[tuple[str, str, int]]
    tests: frozenset[str]
    whole: frozenset[str]
    unfinished: frozenset[str] = frozenset()

    @classmethod
    def of(cls, asked: Iterable[Key], tests: frozenset[str], *, some: bool) -> Collected:
        """From the keys of the chosen tests and the ids of all; `some` where the run names single tests of files."""
        files = frozenset() if some else frozenset(map(_file, tests))
        return cls(frozenset((key.surface, key.scenario, key.row) for key in asked), tests, files)

    def drops(self, earlier: Result, root: Path) -> bool:
        """Whether the test of an earlier result no longer exists in the project, so that its result does not count."""
        file = _file(earlier.test)
        return earlier.test not in self.tests and (file in self.whole or not (root / file).exists())

    def after(self, started: Iterable[str], results: Iterable[Result]) -> Collected:
        """The same after the run, with the tests that are unfinished."""
        return replace(self, unfinished=self.tests.intersection(started) - {result.test for result in results})

    def to_json(self) -> str:
        """As JSON, for a report."""
        return json.dumps(asdict(self), default=sorted)


def names_single_tests(config: pytest.Config) -> bool:
    """Whether pytest may not collect all tests of a file: it was given ids of tests, or repeats those that failed."""
    return any("::" in argument for argument in config.args) or bool(config.getoption("lf", False))


def from_json(text: str) -> Collected:
    """From `Collected.to_json`."""
    data = json.loads(text)
    return Collected(
        frozenset((surface, scenario, row) for surface, scenario, row in data["asked"]),
        frozenset(data["tests"]),
        frozenset(data["whole"]),
    )


def _file(test: str) -> str:
    return test.partition("::")[0]
