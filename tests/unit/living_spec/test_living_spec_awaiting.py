"""Steps that return a coroutine or the like: an error, unless something has run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from living_spec.results import Kind

if TYPE_CHECKING:
    from living_spec_project import Project

TESTS = "tests/test_tiny.py"
GONE = "def _():\n    pass\n"
RUNNER = """
import asyncio, inspect
import pytest_bdd.scenario
from importlib import import_module

steps = import_module("pytest_bdd.scenario")
call = steps.call_fixture_func


def awaiting(**given):
    returned = call(**given)
    return asyncio.run(returned) if inspect.iscoroutine(returned) else returned


def {hook}():
    steps.call_fixture_func = awaiting
"""


def run(project: Project) -> tuple[str, Kind]:
    output = project.pytest("--surface", "cli", "-k", "delete_each").output
    proof = project.proof()
    return output, proof.scenario(proof.spec.scenario("delete-each"), "cli", "reference").kind


@pytest.mark.proves("coroutine-of-a-step")
@pytest.mark.parametrize(
    ("step", "what"),
    [
        ("async def _():\n    assert False\n", "a coroutine"),
        ("def _():\n    async def later():\n        assert False\n    return later()\n", "a coroutine"),
        ("async def _():\n    assert False\n    yield\n", "an asynchronous generator"),
        ("def _():\n    return (1 / 0 for _ in 'a')\n", "a generator"),
        (
            "def _():\n    class Later:\n        def __await__(self): assert False\n    return Later()\n",
            "an awaitable",
        ),
    ],
    ids=["async def", "a coroutine", "an asynchronous generator", "a generator", "an awaitable"],
)
def test_a_step_that_nothing_runs_is_an_error(project: Project, step: str, what: str) -> None:
    project.change(TESTS, GONE, step)
    output, kind = run(project)
    assert "2 failed" in output
    assert f"NotRunError: The step returned {what} that was never run, so it did nothing." in output
    assert kind is Kind.FAILS
    assert "NotRunError" in str(project.evidence("reference/cli/delete-each.json")[0]["reason"])


@pytest.mark.proves("coroutine-of-a-step")
@pytest.mark.parametrize("hook", ["pytest_configure", "pytest_sessionstart"])
@pytest.mark.parametrize("holds", [True, False])
def test_a_step_that_a_plugin_awaits_counts(project: Project, hook: str, holds: bool) -> None:
    project.write("tests/conftest.py", RUNNER.format(hook=hook))
    project.change(TESTS, GONE, f"async def _():\n    assert {holds}\n")
    output, kind = run(project)
    assert ("2 passed" if holds else "2 failed") in output
    assert "NotRunError" not in output
    assert kind is (Kind.HOLDS if holds else Kind.FAILS)


@pytest.mark.parametrize(
    "step",
    [
        "def _():\n    yield\n",
        "def _():\n    import asyncio\n    async def now():\n        pass\n    asyncio.run(now())\n",
    ],
    ids=["a step with a tear-down", "a step that awaits by itself"],
)
def test_a_step_that_runs_is_none(project: Project, step: str) -> None:
    project.change(TESTS, GONE, step)
    output, kind = run(project)
    assert "2 passed" in output
    assert kind is Kind.HOLDS


def test_a_generator_that_a_step_gives_as_a_fixture_is_none(project: Project) -> None:
    project.change(TESTS, 'return f"{surface_name} of {edition}"', "return (letter for letter in edition)")
    project.change(TESTS, "    evidence.transcript(", "    shelf = next(shelf)\n    evidence.transcript(")
    output, kind = run(project)
    assert "2 passed" in output
    assert kind is Kind.HOLDS
