"""Whether what was seen of a defect still stands: a digest of what decides it.

That is the defect's own code with its surfaces, the steps of its rule's scenarios, and the name and parameters of each
seam that it changes. What the implementation does behind the seams is not part of it.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from hashlib import sha256
from types import CodeType, FunctionType
from typing import Any

from defects import registry
from defects.registry import Change, Defect
from living_spec.features import Rule, Step


def digest(defect: Defect, rule: Rule) -> str:
    """The SHA-256, in hex, of what decides whether the rule's scenarios notice the defect."""
    code = [_source(function) for function in _functions(defect.changes)]
    seams = [(change.seam, _parameters(change)) for change in defect.changes()]
    decisive = [defect.rule, sorted(defect.surfaces), sorted(code), sorted(seams), _scenarios(rule)]
    return sha256(json.dumps(decisive).encode()).hexdigest()


def _functions(function: Callable[..., Any]) -> list[FunctionType]:
    """The function and those of the defects that it calls; the registry's are not part of what a defect does."""
    found: dict[str, FunctionType] = {}
    waiting: list[Any] = [function]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, FunctionType) or one.__name__ in found or not _of_defects(one):
            continue
        found[one.__name__] = one
        waiting += [one.__globals__.get(name) for name in _names(one.__code__)]
    return list(found.values())


def _of_defects(function: FunctionType) -> bool:
    return function.__module__.startswith("defects.") and function.__module__ != registry.__name__


def _names(code: CodeType) -> Iterator[str]:
    """The global names that a function's code uses, in functions inside it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _source(function: FunctionType) -> str:
    """The code without its decorators and white space."""
    source = inspect.getsource(function)
    return "".join(source[source.index("def ") :].split())


def _parameters(change: Change) -> list[tuple[str, str, bool]]:
    """The parameters of the original as (name, kind, whether it has a default); none for what is no function."""
    if not callable(change.original):
        return []
    parameters = inspect.signature(change.original).parameters.values()
    return [(one.name, one.kind.name, one.default is not one.empty) for one in parameters]


def _step(step: Step) -> dict[str, Any]:
    """What a step does: its type is that of its keyword, and its line does not matter."""
    return {name: value for name, value in asdict(step).items() if name != "type"} | {"line": 0}


def _scenarios(rule: Rule) -> list[Any]:
    """What the scenarios do and where they run; not their names and reasons."""
    return [
        [
            one.id,
            [_step(step) for step in one.steps],
            [dict(row) for row in one.examples],
            sorted({surface for exclusion in one.exclusions for surface in exclusion.surfaces}),
        ]
        for one in rule.scenarios
    ]
