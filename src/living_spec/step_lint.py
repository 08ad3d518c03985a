"""Lint of step definitions: steps that match several, and definitions that no step uses. pytest-bdd reports neither."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_bdd.scenario import scenario_wrapper_template_registry
from pytest_bdd.steps import StepFunctionContext, step_function_context_registry

from living_spec.config import display_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_bdd.parser import ScenarioTemplate, Step

_Definition = tuple[str, str]  # its pattern and its place; one function can have several definitions


def collected_problems(tests: Path) -> list[str]:
    """The problems of `step_problems` in a folder of tests, which a new process of pytest collects.

    If pytest cannot collect them, its own messages.
    """
    collect = [sys.executable, "-m", "pytest", str(tests), "--lint-steps", "--collect-only", "--quiet", "--quiet"]
    done = subprocess.run(collect, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    if done.returncode == 0:
        return []
    said = done.stderr.removeprefix("ERROR: ") or done.stdout
    return [line for line in said.splitlines() if line]


def step_problems() -> list[str]:
    """The mistakes in this process's step definitions, given its scenarios, as FILE:LINE: MESSAGE."""
    definitions = {
        _definition(context): context
        for context in step_function_context_registry.values()
        if not context.step_func.__module__.startswith("pytest_bdd")
    }
    used: set[_Definition] = set()
    problems: set[str] = set()
    for template in scenario_wrapper_template_registry.values():
        for step in _steps(template):
            matching = sorted(key for key, context in definitions.items() if _matches(context, step))
            used |= set(matching)
            if len(matching) != 1:
                found = " and ".join(f"{what} ({place})" for what, place in matching) or "no definition"
                problems.add(
                    f"{display_path(Path(template.feature.filename))}:{step.line_number}: {step} matches {found}."
                )
    unused = sorted(set(definitions) - used, key=lambda definition: definition[1])
    return sorted(problems) + [f"{place}: No step uses the definition {what}. Remove it." for what, place in unused]


def _steps(template: ScenarioTemplate) -> Iterator[Step]:
    rows = [row for examples in template.examples for row in examples.as_contexts()]
    for row in rows or [{}]:
        yield from template.render(row).steps


def _matches(context: StepFunctionContext, step: Step) -> bool:
    return context.type in (None, step.type) and bool(context.parser.is_matching(step.name))


def _definition(context: StepFunctionContext) -> _Definition:
    code = context.step_func.__code__
    return (
        f"{context.type or 'step'} {context.parser.name!r}",
        f"{display_path(Path(code.co_filename))}:{code.co_firstlineno}",
    )
