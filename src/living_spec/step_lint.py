"""Lint of step definitions, for what pytest-bdd lets pass: two that match one step, and unused ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_bdd.scenario import scenario_wrapper_template_registry
from pytest_bdd.steps import StepFunctionContext, step_function_context_registry

from living_spec.config import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_bdd.parser import ScenarioTemplate, Step


def step_problems() -> list[str]:
    """What is wrong with the step definitions loaded, given the scenarios bound: one sentence each."""
    definitions = {
        _place(context): context
        for context in step_function_context_registry.values()
        if not context.step_func.__module__.startswith("pytest_bdd")
    }
    used: set[str] = set()
    problems: set[str] = set()
    for template in scenario_wrapper_template_registry.values():
        for step in _steps(template):
            matching = sorted(place for place, context in definitions.items() if _matches(context, step))
            used |= set(matching)
            if len(matching) != 1:
                found = " and ".join(matching) or "no definition"
                problems.add(f"{shown(Path(template.feature.filename))}:{step.line_number}: {step} matches {found}.")
    unused = sorted(set(definitions) - used)
    return sorted(problems) + [f"{place}: no step uses this definition." for place in unused]


def _steps(template: ScenarioTemplate) -> Iterator[Step]:
    rows = [row for examples in template.examples for row in examples.as_contexts()]
    for row in rows or [{}]:
        yield from template.render(row).steps


def _matches(context: StepFunctionContext, step: Step) -> bool:
    return context.type in (None, step.type) and bool(context.parser.is_matching(step.name))


def _place(context: StepFunctionContext) -> str:
    """Where a definition stands; one function may carry several, told apart by their text."""
    code = context.step_func.__code__
    return f"{shown(Path(code.co_filename))}:{code.co_firstlineno} ({context.type or 'step'} {context.parser.name!r})"
