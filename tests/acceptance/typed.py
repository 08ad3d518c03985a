"""Which commands are typed as a person types them: each loads itself in a process of its own.

The first scenario of each rule on each surface is marked `typed`: the first command of each of its When steps is typed
so, and if they have none, that of a Then step. All other commands are forked from a loaded process, see `warm`.
"""

from __future__ import annotations

import sys

import pytest
from pytest_bdd.parser import Step
from pytest_bdd.scenario import scenario_wrapper_template_registry

from acceptance.options import surface_of
from acceptance.surfaces.cli import CliSurface
from acceptance.world import World
from living_spec.pytest_plugin import excluded

_MARK = "typed"


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, so that `-m typed` selects these scenarios."""
    config.addinivalue_line("markers", f"{_MARK}: types what its rule is about in processes that load themselves")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the first scenario of each rule on each surface."""
    if config.getoption("--one-surface"):
        return
    seen: set[tuple[frozenset[str], str]] = set()
    for item in items:
        if isinstance(item, pytest.Function) and (surface := surface_of(item)) and not excluded(item):
            rule = scenario_wrapper_template_registry[item.function].rule
            assert rule
            key = frozenset(rule.tags), surface
            if key not in seen:
                item.add_marker(_MARK)
            seen.add(key)


def pytest_bdd_before_step(request: pytest.FixtureRequest, step: Step) -> None:
    """Decide how the first command of this step is started."""
    for terminal in _terminals(request):
        terminal.types = _marked(request) and (step.type == "when" or (step.type == "then" and not terminal.typed))


def pytest_bdd_after_scenario(request: pytest.FixtureRequest) -> None:
    """Refuse a marked scenario that typed nothing; one that failed, or is not run, has its own reason."""
    terminals = _terminals(request)
    if _marked(request) and terminals and sys.exception() is None:
        assert any(terminal.typed for terminal in terminals), "The first scenario of this rule types no command."


def _marked(request: pytest.FixtureRequest) -> bool:
    return request.node.get_closest_marker(_MARK) is not None


def _terminals(request: pytest.FixtureRequest) -> list[CliSurface]:
    world: World = request.getfixturevalue("world")
    return [person for person in (world.surface, world.other) if isinstance(person, CliSurface)]
