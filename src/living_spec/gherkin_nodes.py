"""Types of the nodes that gherkin-official returns; its own types do not describe the children of a feature."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

# Gherkin's own types of steps, in every language: Given, When, Then; And and But; `*`.
StepType = Literal["Context", "Action", "Outcome", "Conjunction", "Unknown"]


class Location(TypedDict):
    """The place of a node in its file."""

    line: int


class Tag(TypedDict):
    """A tag, with its `@`."""

    name: str


class Cell(TypedDict):
    """A cell of a table."""

    value: str


class Row(TypedDict):
    """A row of a table."""

    cells: list[Cell]


class Table(TypedDict):
    """The table of a step."""

    rows: list[Row]


class DocString(TypedDict):
    """The text of a step."""

    content: str


class StepNode(TypedDict):
    """A step."""

    location: Location
    keyword: str
    keywordType: StepType
    text: str
    docString: NotRequired[DocString]
    dataTable: NotRequired[Table]


class Examples(TypedDict):
    """A table of examples; an empty one has no head."""

    tableHeader: Row
    tableBody: list[Row]


class Node(TypedDict):
    """A feature, rule, scenario or background."""

    location: Location
    tags: list[Tag]
    name: str
    description: str
    children: list[Child]
    steps: list[StepNode]
    examples: list[Examples]


class Child(TypedDict, total=False):
    """A child of a feature or a rule: it has one of these keys."""

    background: Node
    rule: Node
    scenario: Node


class Document(TypedDict):
    """A file."""

    feature: NotRequired[Node]
