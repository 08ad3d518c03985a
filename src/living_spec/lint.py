"""Lint of features and pages: mistakes that pytest-bdd and Markdown do not report."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from living_spec.features import identity_problems, read_features
from living_spec.issues import register_problems
from living_spec.page_lint import page_problems
from living_spec.prose.lint import prose_problems
from living_spec.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from living_spec.config import Config
    from living_spec.features import Feature, Scenario, Step

# The same pattern as pytest-bdd has.
_PLACEHOLDER = re.compile(r"<(.+?)>")


@dataclass(frozen=True, order=True)
class Problem:
    """A mistake at a line of a file; `sentence` says what is wrong and what to do."""

    path: Path
    line: int
    sentence: str


def lint(config: Config) -> list[Problem]:
    """All problems of a project's features and pages, by file and line."""
    features = read_features(config.features)
    identities = {Problem(*place) for place in identity_problems(features, config.surfaces)}
    problems = set(identities)
    for feature in features:
        problems |= set(_feature(feature, config))
    problems |= {Problem(*place) for place in page_problems(config, features)}
    if not identities:
        spec = Spec(config, features)
        problems |= {Problem(*place) for place in (*register_problems(spec), *prose_problems(spec))}
    return sorted(problems)


def _feature(feature: Feature, config: Config) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for scenario in sorted(feature.scenarios, key=lambda scenario: scenario.line):
        first = seen.setdefault(scenario.name, scenario.line)
        if first != scenario.line:
            sentence = (
                f"Line {first} has a scenario of the same name, {scenario.name!r}, so one never runs. Rename one."
            )
            yield Problem(feature.path, scenario.line, sentence)
        for line, sentence in _scenario(scenario):
            yield Problem(feature.path, line, sentence)
        if not scenario.runs_on_any(config.surfaces):
            sentence = f"The scenario {scenario.name!r} runs on no surface. Exclude fewer surfaces."
            yield Problem(feature.path, scenario.line, sentence)
    for scenario in feature.loose:
        sentence = f"The scenario {scenario.name!r} belongs to no rule. Move it below one."
        yield Problem(feature.path, scenario.line, sentence)
    for rule in feature.rules:
        if not rule.scenarios:
            yield Problem(feature.path, rule.line, f"The rule {rule.sentence!r} has no scenario. Add one.")
        elif not rule.runs_on_any(config.surfaces):
            sentence = f"No scenario of the rule {rule.sentence!r} runs on any surface. Exclude fewer surfaces."
            yield Problem(feature.path, rule.line, sentence)


def _scenario(scenario: Scenario) -> Iterator[tuple[int, str]]:
    if not scenario.steps:
        yield scenario.line, f"The scenario {scenario.name!r} has no steps. Add them."
    elif not any(step.type in ("Outcome", "Unknown") for step in scenario.steps):
        yield scenario.line, f"The scenario {scenario.name!r} has no Then step, so it checks nothing. Add one."
    used = set(_PLACEHOLDER.findall(scenario.name))
    for step in scenario.steps:
        # pytest-bdd replaces nothing where there are no examples, so <x> in a table or text is literal there.
        placeholders = _PLACEHOLDER.findall(_text(step) if scenario.columns else step.text)
        used |= set(placeholders)
        for name in placeholders:
            if not scenario.columns or any(name not in row for row in scenario.examples):
                yield step.line, f"The placeholder <{name}> has no column in the examples. Add the column."
    for column in scenario.columns:
        if column not in used:
            yield scenario.line, f"No step uses the column {column!r} of the examples. Remove it."
    if scenario.columns and not scenario.examples:
        yield scenario.line, "The examples have no row. Add one."
    rows = [tuple(row.items()) for row in scenario.examples]
    if len(set(rows)) < len(rows):
        yield scenario.line, "Two rows of the examples are the same. Remove one."


def _text(step: Step) -> str:
    return "\n".join([step.text, step.docstring or "", *(cell for row in step.table for cell in row)])
