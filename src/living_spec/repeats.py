"""Finds why one example row of a scenario has several results on one surface."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

_RERUNS = ("reruns", "retries", "force_flaky")  # of pytest-rerunfailures, pytest-retry and flaky
_MARKER = "flaky"  # of all three


def repetition(tests: Iterable[str]) -> str:
    """A sentence that names the cause of several results. `tests` are pytest's ids of their tests."""
    each = list(tests)
    return f"{len(each)} results, of which the worst counts: {_cause(each)}."


def repeat_problem(tests: Iterable[pytest.Item]) -> str | None:
    """Why the tests of one key give, or can give, several results; None for one test that runs once."""
    each = list(tests)
    ids = [item.nodeid for item in each]
    if len(ids) > 1:
        return f"has {len(ids)} tests for one result: {_cause(ids)}. Keep one."
    if rerun := next(filter(None, map(_rerun, each)), None):
        return f"is retried after a failure: {rerun}. The worst result counts. Run it once."
    return None


def _cause(tests: list[str]) -> str:
    distinct = list(dict.fromkeys(tests))
    functions = dict.fromkeys(test.partition("[")[0] for test in distinct)
    if len(functions) > 1:
        return f"it is bound several times, by {' and '.join(functions)}"
    if len(distinct) > 1:
        return f"a fixture with params, or equal examples, make {' and '.join(distinct)}"
    return f"{distinct[0]} ran several times"


def _rerun(item: pytest.Item) -> str | None:
    """The marker or the setting that runs a test again after a failure."""
    if item.get_closest_marker(_MARKER):
        return f"it has the marker {_MARKER!r}"
    return next((f"{name!r} is set" for name in _RERUNS if _setting(item.config, name)), None)


def _setting(config: pytest.Config, name: str) -> bool:
    """Whether an option, or a line of the configuration, is set; False if its plugin is not installed."""
    try:
        value = config.getoption(name, None) or config.getini(name)
    except (KeyError, ValueError):
        return False
    return str(value or 0) not in ("0", "False")
