"""Lint of features and pages, for what pytest-bdd and Markdown let pass in silence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from living_spec.features import identity_problems, read_features
from living_spec.issues import register_problems
from living_spec.page_lint import page_problems
from living_spec.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from living_spec.config import Config
    from living_spec.features import Feature, Scenario, Step

# As pytest-bdd finds them.
_PLACEHOLDER = re.compile(r"<(.+?)>")


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong at a line of a file, in one sentence."""

    path: Path
    line: int
    sentence: str


def lint(config: Config) -> list[Problem]:
    """All problems of the features and pages of a project, in the order of files and lines."""
    features = read_features(config.features)
    identities = {Problem(*place) for place in identity_problems(features, config.surfaces)}
    problems = set(identities)
    for feature in features:
        problems |= set(_feature(feature, config))
    problems |= {Problem(*place) for place in page_problems(config, features)}
    if not identities:
        problems |= {Problem(*place) for place in register_problems(Spec(config, features))}
    return sorted(problems)


def _feature(feature: Feature, config: Config) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for scenario in sorted(feature.scenarios, key=lambda scenario: scenario.line):
        first = seen.setdefault(scenario.name, scenario.line)
        if first != scenario.line:
            sentence = f"A scenario named {scenario.name!r} stands at line {first} too: one of them never runs."
            yield Problem(feature.path, scenario.line, sentence)
        for line, sentence in _scenario(scenario):
            yield Problem(feature.path, line, sentence)
        if not scenario.runs_on_any(config.surfaces):
            sentence = f"The scenario {scenario.name!r} runs on no surface: it shows nothing."
            yield Problem(feature.path, scenario.line, sentence)
    for scenario in feature.loose:
        sentence = f"The scenario {scenario.name!r} stands below no rule: it shows none."
        yield Problem(feature.path, scenario.line, sentence)
    for rule in feature.rules:
        if not rule.scenarios:
            yield Problem(feature.path, rule.line, f"No scenario shows the rule {rule.sentence!r}.")
        elif not rule.runs_on_any(config.surfaces):
            sentence = f"The rule {rule.sentence!r} is shown on no surface: none of its scenarios runs on any."
            yield Problem(feature.path, rule.line, sentence)


def _scenario(scenario: Scenario) -> Iterator[tuple[int, str]]:
    if not scenario.steps:
        yield scenario.line, f"The scenario {scenario.name!r} has no steps."
    elif not any(step.keyword == "Then" for step in scenario.steps):
        yield scenario.line, f"The scenario {scenario.name!r} has no Then: it shows nothing."
    used = set(_PLACEHOLDER.findall(scenario.name))
    for step in scenario.steps:
        # Without examples nothing is replaced, and <x> in a table or text may be meant as it stands.
        placeholders = _PLACEHOLDER.findall(_text(step) if scenario.columns else step.text)
        used |= set(placeholders)
        for name in placeholders:
            if not scenario.columns or any(name not in row for row in scenario.examples):
                yield step.line, f"The placeholder <{name}> has no column in the examples."
    for column in scenario.columns:
        if column not in used:
            yield scenario.line, f"No step uses the column {column!r} of the examples."
    if scenario.columns and not scenario.examples:
        yield scenario.line, "The examples have no row."
    rows = [tuple(row.items()) for row in scenario.examples]
    if len(set(rows)) < len(rows):
        yield scenario.line, "Two rows of the examples are the same."


def _text(step: Step) -> str:
    return "\n".join([step.text, step.docstring or "", *(cell for row in step.table for cell in row)])
