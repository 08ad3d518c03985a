"""Lint of pages: unknown ids, and rules that the guide does not cite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from living_spec.pages import citing_pages, page_blocks
from living_spec.text import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from living_spec.config import Config
    from living_spec.features import Feature

Place = tuple["Path", int, str]

_RECORD_BLOCKS = ("scenario", "transcript", "exchange", "screenshot")


def page_problems(config: Config, features: Sequence[Feature]) -> Iterator[Place]:
    """The mistakes in the pages, as (file, line, message)."""
    yield from _unknown(config, features)
    cited = citing_pages(config)
    for feature in features:
        for rule in feature.rules:
            if not any(id_ in cited for id_ in rule.ids):
                yield feature.path, rule.line, f"No page of the guide cites the rule {rule.sentence!r}. Cite it."


def _unknown(config: Config, features: Sequence[Feature]) -> Iterator[Place]:
    scenarios = {id_ for feature in features for scenario in feature.scenarios for id_ in scenario.ids}
    known = {
        "rule": {id_ for feature in features for rule in feature.rules for id_ in rule.ids},
        "feature": {feature.name for feature in features},
    } | dict.fromkeys(_RECORD_BLOCKS, scenarios)
    for path, block in page_blocks(config):
        for id_ in block.arguments if block.name in known else ():
            if id_ not in known[block.name]:
                word = "scenario" if block.name in _RECORD_BLOCKS else block.name
                yield path, block.line + 1, f"There is no {word} {id_!r}.{suggestion(id_, known[block.name])}"
