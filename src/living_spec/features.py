"""The documented rules, read from Gherkin files into values.

The files follow these conventions:

- A file is a subject: `features/deleting.feature` is the feature `deleting`, `features/shop/paying.feature` is
  `shop/paying`.
- A `Rule:` has one tag `@rule:ID`. Its name is the normative sentence; its description is the reason.
- A scenario has one tag `@scenario:ID`. Ids are unique over all features.
- A line `Not on api, cli: the reason.` in the description of a scenario excludes it from these surfaces. In the
  description of a rule it excludes all scenarios of the rule. Pages show these lines as results, not as description.
- Each example row of a Scenario Outline gives one result.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

from gherkin.errors import CompositeParserException, ParserException
from gherkin.parser import Parser

from living_spec.config import SpecError, display_path, read_source, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from living_spec.gherkin_nodes import Child, Document, Node, Row, StepNode, StepType

_NOT_ON = re.compile(r"\s*Not on\s+(?P<surfaces>[^:]*?)\s*(?::\s*(?P<reason>.*?)\s*)?$")
_ID = re.compile(r"\w[\w.-]*")  # it becomes the name of a file, and an anchor


@dataclass(frozen=True)
class Step:
    """One step; its keyword has no trailing space. The first row of a table is its head.

    `type` is Gherkin's; And and But have the type of the step before them, `*` is "Unknown".
    """

    keyword: str
    type: StepType
    text: str
    docstring: str | None
    table: tuple[tuple[str, ...], ...]
    line: int


@dataclass(frozen=True)
class Exclusion:
    """A `Not on …` line: the surfaces it names and the reason it gives."""

    surfaces: tuple[str, ...]
    reason: str
    line: int


@dataclass(frozen=True)
class Scenario:
    """A scenario; `steps` include those of the Backgrounds; `examples` are rows of column -> value."""

    ids: tuple[str, ...]
    name: str
    description: str
    steps: tuple[Step, ...]
    columns: tuple[str, ...]
    examples: tuple[Mapping[str, str], ...]
    exclusions: tuple[Exclusion, ...]
    line: int

    @property
    def id(self) -> str:
        """Its permanent id."""
        return self.ids[0]

    @property
    def rows(self) -> range:
        """The row numbers of its results on one surface: one per example row, or just 0."""
        return range(len(self.examples) or 1)

    def not_on(self, surface: str) -> str | None:
        """The reason why it does not run on a surface; None if it runs."""
        return next((exclusion.reason for exclusion in self.exclusions if surface in exclusion.surfaces), None)

    def runs_on_any(self, surfaces: Iterable[str]) -> bool:
        """Whether it runs on at least one of these surfaces."""
        return any(self.not_on(surface) is None for surface in surfaces)


@dataclass(frozen=True)
class Rule:
    """A rule: its normative sentence, the reason for it, and its scenarios."""

    ids: tuple[str, ...]
    sentence: str
    reason: str
    scenarios: tuple[Scenario, ...]
    exclusions: tuple[Exclusion, ...]
    line: int

    @property
    def id(self) -> str:
        """Its permanent id."""
        return self.ids[0]

    def runs_on_any(self, surfaces: Iterable[str]) -> bool:
        """Whether one of its scenarios runs on at least one of these surfaces."""
        return any(scenario.runs_on_any(surfaces) for scenario in self.scenarios)


@dataclass(frozen=True)
class Feature:
    """One feature file. `loose` are the scenarios outside of rules."""

    name: str
    path: Path
    title: str
    description: str
    rules: tuple[Rule, ...]
    loose: tuple[Scenario, ...]

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """All its scenarios: the loose ones, then those of the rules, each in the order of the file."""
        return (*self.loose, *(scenario for rule in self.rules for scenario in rule.scenarios))


def read_features(folder: Path) -> tuple[Feature, ...]:
    """Read every `*.feature` under `folder`, in the order of their paths."""
    return tuple(read_feature(path, folder) for path in sorted(folder.rglob("*.feature")))


def read_feature(path: Path, folder: Path) -> Feature:
    """Read one feature file below `folder`; raises SpecError with the file and line of a syntax error."""
    return _parsed(path, folder, read_source(path))


@cache  # several parts of a process read the features
def _parsed(path: Path, folder: Path, source: str) -> Feature:
    try:
        document = cast("Document", Parser().parse(source))
    except (CompositeParserException, ParserException) as error:
        first = error.errors[0] if isinstance(error, CompositeParserException) else error
        what = re.sub(r"^\(\d+:\d+\): ", "", str(first))
        raise SpecError(f"{display_path(path)}:{first.location['line']}: This is not valid Gherkin: {what}.") from error
    feature = document.get("feature")
    if feature is None:
        raise SpecError(f"{display_path(path)} contains no feature. Add one, or remove the file.")
    name = path.relative_to(folder).with_suffix("").as_posix()
    return _Reader(path, source.splitlines()).feature(feature, name)


class _Reader:
    """Turns the parser's dictionaries into values; has the file's lines, to find line numbers."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        self.path = path
        self.lines = lines

    def feature(self, node: Node, name: str) -> Feature:
        background = tuple(_background(node["children"]))
        return Feature(
            name=name,
            path=self.path,
            title=node["name"],
            description=textwrap.dedent(node["description"]).strip(),
            rules=tuple(self.rule(child["rule"], background) for child in node["children"] if "rule" in child),
            loose=tuple(self.scenarios(node["children"], background, ())),
        )

    def rule(self, node: Node, background: tuple[Step, ...]) -> Rule:
        reason, exclusions = self.description(node)
        steps = (*background, *_background(node["children"]))
        return Rule(
            ids=_ids(node, "@rule:"),
            sentence=node["name"],
            reason=reason,
            scenarios=tuple(self.scenarios(node["children"], steps, exclusions)),
            exclusions=exclusions,
            line=node["location"]["line"],
        )

    def scenarios(
        self, children: list[Child], background: tuple[Step, ...], inherited: tuple[Exclusion, ...]
    ) -> Iterator[Scenario]:
        for child in children:
            if "scenario" not in child:
                continue
            node = child["scenario"]
            description, exclusions = self.description(node)
            tables = [table for table in node.get("examples", []) if "tableHeader" in table]
            heads = [_cells(table["tableHeader"]) for table in tables]
            yield Scenario(
                ids=_ids(node, "@scenario:"),
                name=node["name"],
                description=description,
                steps=(*background, *_steps(node["steps"])) if node["steps"] else (),
                columns=tuple(dict.fromkeys(column for head in heads for column in head)),
                examples=tuple(
                    dict(zip(head, _cells(row), strict=True))
                    for head, table in zip(heads, tables, strict=True)
                    for row in table["tableBody"]
                ),
                exclusions=(*exclusions, *inherited),
                line=node["location"]["line"],
            )

    def description(self, node: Node) -> tuple[str, tuple[Exclusion, ...]]:
        """The description without its `Not on` lines, and these lines as exclusions."""
        prose: list[str] = []
        exclusions: list[Exclusion] = []
        line = node["location"]["line"]
        for text in textwrap.dedent(node["description"]).splitlines():
            line = self.line_of(text, line)
            if match := _NOT_ON.match(text):
                surfaces = tuple(name.strip() for name in match["surfaces"].split(",") if name.strip())
                exclusions.append(Exclusion(surfaces, match["reason"] or "", line))
            else:
                prose.append(text)
        return "\n".join(prose).strip(), tuple(exclusions)

    def line_of(self, text: str, after: int) -> int:
        """The number of the next line with this text; the parser gives no line numbers in descriptions."""
        found = (number for number, line in enumerate(self.lines, 1) if number > after and line.strip() == text.strip())
        return next(found, after)


def identity_problems(features: Iterable[Feature], surfaces: Iterable[str]) -> Iterator[tuple[Path, int, str]]:
    """The mistakes in ids and `Not on` lines, as (file, line, message)."""
    known = list(surfaces)
    seen: dict[tuple[str, str], str] = {}
    for feature in features:
        things: list[tuple[str, Rule | Scenario]] = [("rule", rule) for rule in feature.rules]
        things += [("scenario", scenario) for scenario in feature.scenarios]
        for word, thing in things:
            if len(thing.ids) != 1:
                count = "no id tag" if not thing.ids else "more than one id tag"
                yield feature.path, thing.line, f"This {word} has {count}. Give it exactly one: @{word}:ID."
            for id_ in thing.ids:
                if not _ID.fullmatch(id_):
                    allowed = "letters, digits, '-', '_' and '.'"
                    yield feature.path, thing.line, f"The {word} id {id_!r} has characters other than {allowed}."
                place = f"{feature.name}.feature:{thing.line}"
                first = seen.setdefault((word, id_), place)
                if first != place:
                    yield feature.path, thing.line, f"The {word} id {id_!r} is already used at {first}. Choose another."
        found = {exclusion for _, thing in things for exclusion in thing.exclusions}
        for exclusion in sorted(found, key=lambda exclusion: exclusion.line):
            if not exclusion.reason:
                yield feature.path, exclusion.line, "This 'Not on' line gives no reason. Add it: Not on api: REASON."
            if not exclusion.surfaces:
                yield feature.path, exclusion.line, "This 'Not on' line names no surface. Add one: Not on api: REASON."
            for surface in exclusion.surfaces:
                if surface not in known:
                    yield feature.path, exclusion.line, unknown("surface", surface, known)


def _ids(node: Node, prefix: str) -> tuple[str, ...]:
    return tuple(tag["name"].removeprefix(prefix) for tag in node["tags"] if tag["name"].startswith(prefix))


def _background(children: list[Child]) -> Iterator[Step]:
    for child in children:
        if "background" in child:
            yield from _steps(child["background"]["steps"])


def _steps(nodes: Iterable[StepNode]) -> Iterator[Step]:
    type_: StepType = "Unknown"
    for node in nodes:
        type_ = type_ if node["keywordType"] == "Conjunction" else node["keywordType"]
        yield _step(node, type_)


def _step(node: StepNode, type_: StepType) -> Step:
    return Step(
        keyword=node["keyword"].strip(),
        type=type_,
        text=node["text"],
        docstring=node["docString"]["content"] if "docString" in node else None,
        table=tuple(map(_cells, node["dataTable"]["rows"])) if "dataTable" in node else (),
        line=node["location"]["line"],
    )


def _cells(row: Row) -> tuple[str, ...]:
    return tuple(cell["value"] for cell in row["cells"])
