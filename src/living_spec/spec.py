"""The spec: all features, with their rules and scenarios by id."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from living_spec.config import Config, SpecError, display_path
from living_spec.features import Feature, Rule, Scenario, identity_problems, read_features
from living_spec.text import suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


@dataclass(frozen=True)
class Spec:
    """The features of a project and its configuration."""

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
        """The feature of the file `name.feature`; raises SpecError if it does not exist."""
        return _known("feature", name, {feature.name: feature for feature in self.features})

    def rule(self, id_: str) -> Rule:
        """The rule with this id; raises SpecError if it does not exist."""
        return _known("rule", id_, self.rules)

    def scenario(self, id_: str) -> Scenario:
        """The scenario with this id; raises SpecError if it does not exist."""
        return _known("scenario", id_, self.scenarios)

    def feature_of(self, rule: Rule) -> Feature:
        """The feature of a rule."""
        return next(feature for feature in self.features if rule in feature.rules)


def read_spec(config: Config) -> Spec:
    """Read the features; raises SpecError for the first mistake in an id or a `Not on` line."""
    features = read_features(config.features)
    for path, line, sentence in identity_problems(features, config.surfaces):
        raise SpecError(f"{display_path(path)}:{line}: {sentence}")
    return Spec(config, features)


def _known(word: str, id_: str, things: Mapping[str, T]) -> T:
    if id_ in things:
        return things[id_]
    raise SpecError(f"There is no {word} {id_!r}.{suggestion(id_, things)}")
