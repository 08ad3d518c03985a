"""The spec: all features with their rules and scenarios by id, and the pages that show them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from living_spec.config import Config, SpecError
from living_spec.features import Feature, Rule, Scenario, identity_problems, read_features

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


@dataclass(frozen=True)
class Spec:
    """The rules and scenarios of a project, by id."""

    config: Config
    features: tuple[Feature, ...]

    @cached_property
    def rules(self) -> Mapping[str, Rule]:
        """Every rule by its id, in the order of the files."""
        return {rule.id: rule for feature in self.features for rule in feature.rules}

    @cached_property
    def scenarios(self) -> Mapping[str, Scenario]:
        """Every scenario by its id, in the order of the files."""
        return {scenario.id: scenario for feature in self.features for scenario in feature.scenarios}

    def feature(self, name: str) -> Feature:
        """The feature of the file `name.feature`; SpecError if there is none."""
        return _known("feature", name, {feature.name: feature for feature in self.features})

    def rule(self, id_: str) -> Rule:
        """The rule with this id; SpecError if there is none."""
        return _known("rule", id_, self.rules)

    def scenario(self, id_: str) -> Scenario:
        """The scenario with this id; SpecError if there is none."""
        return _known("scenario", id_, self.scenarios)

    def feature_of(self, rule: Rule) -> Feature:
        """The feature that a rule stands in."""
        return next(feature for feature in self.features if rule in feature.rules)


def read_spec(config: Config) -> Spec:
    """Read the features; SpecError where an id or a `Not on` line cannot be relied on."""
    features = read_features(config.features)
    for path, line, sentence in identity_problems(features, config.surfaces):
        raise SpecError(f"{path}:{line}: {sentence}")
    return Spec(config, features)


def _known(word: str, id_: str, things: Mapping[str, T]) -> T:
    if id_ in things:
        return things[id_]
    close = difflib.get_close_matches(id_, things, n=1)
    hint = f"; is {close[0]!r} meant?" if close else "."
    raise SpecError(f"There is no {word} {id_!r}{hint}")
