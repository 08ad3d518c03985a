"""A plugin that asks, before a run, whether it can begin. If not, the run ends with its own exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

NOT_BEGUN = 6  # the exit code; pytest's own are 0 to 5
_not_begun = pytest.StashKey[bool]()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Call the hook before workers start and before tests are collected."""
    config = session.config
    if hasattr(config, "workerinput") or config.getoption("collectonly"):
        return
    if sentence := config.hook.pytest_living_spec_obstacle(config=config):
        config.stash[_not_begun] = True
        raise pytest.UsageError(f"The run could not begin: {sentence} Nothing was run.")


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Print the obstacle in the form of a usage error, and return the exit code `NOT_BEGUN`."""
    try:
        return (yield)
    except pytest.UsageError as error:
        if not config.stash.get(_not_begun, False):
            raise
        print(f"ERROR: {error}", file=sys.stderr)
        return NOT_BEGUN
