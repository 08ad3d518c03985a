"""Which commands are typed as a person types them: each loads itself in a process of its own.

The first scenario of each rule on each surface of a run types its When steps so. If no command is among them, it types
its Then steps so until there has been one. All other commands are forked from a loaded process, see `warm`.
"""

from __future__ import annotations

import sys

import pytest
from pytest_bdd.parser import Step
from pytest_bdd.scenario import scenario_wrapper_template_registry

from acceptance.options import surface_of
from acceptance.surfaces.cli import CliSurface
from acceptance.world import World

_first = pytest.StashKey[bool]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the first scenario of each rule on each surface, among those that were chosen."""
    seen: set[tuple[frozenset[str], str]] = set()
    for item in items:
        if isinstance(item, pytest.Function) and (template := scenario_wrapper_template_registry.get(item.function)):
            assert template.rule
            key = frozenset(template.rule.tags), surface_of(item)
            item.stash[_first] = key not in seen and not config.getoption("--one-surface")
            seen.add(key)


def pytest_bdd_before_step(request: pytest.FixtureRequest, step: Step) -> None:
    """Decide how the commands of this step are started."""
    first = request.node.stash[_first]
    for terminal in _terminals(request):
        terminal.types = first and (step.type == "when" or (step.type == "then" and not terminal.typed))


def pytest_bdd_after_scenario(request: pytest.FixtureRequest) -> None:
    """Refuse a first scenario that typed nothing; one that failed, or is not run, has its own reason."""
    terminals = _terminals(request)
    if request.node.stash[_first] and terminals and sys.exception() is None:
        assert any(terminal.typed for terminal in terminals), "The first scenario of this rule types no command."


def _terminals(request: pytest.FixtureRequest) -> list[CliSurface]:
    world: World = request.getfixturevalue("world")
    return [person for person in (world.surface, world.other) if isinstance(person, CliSurface)]
