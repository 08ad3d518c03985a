"""Makes the field `sees` of a known issue from the failing checks of the last run."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

from living_spec.config import SpecError, display_path
from living_spec.evidence import failing_check
from living_spec.issues import named_rows
from living_spec.results import Freshness

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from living_spec.evidence import Key, Result
    from living_spec.results import Proof

_SPECIAL = re.compile(r"[\\.^$*+?{}\[\]()|]")


# Differs from run to run: a date with a time, and the address of an object.
_MOVING = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?|0x[0-9a-f]+")


def seen(proof: Proof, editions: Sequence[str], surfaces: Sequence[str], scenarios: Sequence[str]) -> str:
    """A regular expression for the failing checks of these scenarios, or single examples, in the last run.

    Raises SpecError if the result of one is missing or stale, or if no check of a scenario failed on a surface.
    """
    patterns: list[str] = []
    for edition, surface, name in product(editions, surfaces, scenarios):
        found = [
            _pattern(check.seen.splitlines()[0])
            for key in named_rows(proof.spec, name, surface, edition)
            for result in _fresh(proof, key)
            if (check := failing_check(result.steps))
        ]
        if not found:
            raise SpecError(
                f"In the last run, no check of the scenario {name!r} failed on {surface}. There is no issue to open:"
                " a scenario that holds, a crash and a failing set-up are not known issues. Nothing was written."
            )
        patterns += found
    return "|".join(dict.fromkeys(patterns))


def _pattern(line: str) -> str:
    """A regular expression that finds this line in a later run."""
    return ".+".join(_SPECIAL.sub(r"\\\g<0>", part) for part in _MOVING.split(line))


def _fresh(proof: Proof, key: Key) -> Iterator[Result]:
    results = proof.evidence.get(key, ())
    if not results or any(proof.freshness(result) is not Freshness.FRESH for result in results):
        tests = proof.spec.config.tests
        where = f" {display_path(tests)}" if tests else ""
        edition = "" if key.edition == proof.spec.config.first_edition else f" --edition {key.edition}"
        raise SpecError(
            f"The last result of the scenario {key.scenario!r} on {key.surface} is missing or stale. Nothing was"
            f" written. Run it again: pytest{where} --surface {key.surface}{edition}"
        )
    yield from results
