"""Lint of pages: unknown ids, rules that the guide does not cite, and claims without a rule."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from living_spec.pages import citing_pages, end_of_fence, find_blocks, page_blocks
from living_spec.text import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from living_spec.config import Config, Guide
    from living_spec.features import Feature

Place = tuple["Path", int, str]

_RECORD_BLOCKS = ("scenario", "transcript", "exchange", "screenshot")
_HEADING = re.compile(r"#{1,6} ")
_NEW_TEXT = re.compile(r"\s*(?:$|[-*|>]|\d+\. |:   |!!!|\?\?\?|#|:::|<)")
_SENTENCE = re.compile(r"[^.!?]+[.!?]*")
_FRONT = re.compile(r"---\n.*?^---$", re.DOTALL | re.MULTILINE)


def page_problems(config: Config, features: Sequence[Feature]) -> Iterator[Place]:
    """The mistakes in the pages, as (file, line, message)."""
    yield from _unknown(config, features)
    cited = citing_pages(config)
    for feature in features:
        for rule in feature.rules:
            if not any(id_ in cited for id_ in rule.ids):
                yield feature.path, rule.line, f"No page of the guide cites the rule {rule.sentence!r}. Cite it."
    if config.guide.normative:
        for path in sorted(config.pages.rglob("*.md")):
            for line, word in _claims(path, config.guide):
                yield path, line, f"This sentence says {word!r}, but its section cites no rule. Cite one, or reword it."


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


@dataclass
class _Section:
    """The part of a page between two headings: whether it cites a rule, and its texts with their first lines."""

    cites: bool = False
    texts: list[tuple[int, list[str]]] = field(default_factory=list)


def _claims(path: Path, guide: Guide) -> Iterator[tuple[int, str]]:
    """The claims in sections that cite no rule, as (line, normative word)."""
    words = re.compile(rf"\b({'|'.join(map(re.escape, guide.normative))})\b", re.IGNORECASE)
    about = re.compile("|".join(map(re.escape, guide.about)), re.IGNORECASE)
    for section in _sections(path):
        for start, lines in () if section.cites else section.texts:
            text = "\n".join(lines)
            for sentence in _SENTENCE.finditer(text):
                found = words.search(sentence[0])
                if found and (guide.has(path) or (guide.about and about.search(sentence[0]))):
                    yield start + text[: sentence.start() + found.start()].count("\n"), found[1]


def _sections(path: Path) -> list[_Section]:
    text = _FRONT.sub(lambda match: "\n" * match[0].count("\n"), path.read_text("utf-8"), count=1)
    lines = text.splitlines()
    rules = {block.line for block in find_blocks(lines) if block.name == "rule"}
    sections = [_Section()]
    number, fresh = 0, True
    while number < len(lines):
        end = end_of_fence(lines, number)
        if end is not None:
            number, fresh = end + 1, True
            continue
        line = lines[number]
        if _HEADING.match(line):
            sections.append(_Section())
        sections[-1].cites |= number in rules
        begins = bool(_NEW_TEXT.match(line))
        if not line.lstrip().startswith(("#", ":::")) and line.strip():
            if fresh or begins or not sections[-1].texts:
                sections[-1].texts.append((number + 1, []))
            sections[-1].texts[-1][1].append(line)
        fresh = not line.strip() or line.lstrip().startswith(("#", ":::"))
        number += 1
    return sections
