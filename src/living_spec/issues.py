"""Known issues: each is a page; its front matter names the scenarios that fail, the surfaces, and the date.

    ---
    id: wrong-item-deleted            the name of the file
    title: The web page deletes the item above
    status: open                      or closed
    editions: [shipped]
    surfaces: [ui]
    scenarios: [delete-two]           delete-each/2 is the second example of a scenario
    sometimes: [delete-race]          optional: scenarios that do not fail every time
    sees: "also deleted: .*"          optional: what the failing check says, a regular expression
    since: 2026-03-01
    workaround: Use the command line.
    ---

The scenarios of an open issue must fail on its surfaces; those under `sometimes` may pass. A failure whose
"STEP: MESSAGE" does not match `sees` is a regression. The scenarios of a closed issue must pass. `index.md` in the
same folder is not an issue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, cast

import yaml  # type: ignore[import-untyped]

from living_spec.config import SpecError, display_path, read_source
from living_spec.evidence import Key
from living_spec.text import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from living_spec.features import Scenario
    from living_spec.spec import Spec

_FRONT = re.compile(r"---\n(?P<fields>.*?)^---$", re.DOTALL | re.MULTILINE)
_TEXTS = ("id", "title", "status", "since", "workaround")
_LISTS = ("editions", "surfaces", "scenarios")
_ID_LENGTH = 60
_ID = re.compile(rf"[a-z0-9-]{{1,{_ID_LENGTH}}}")
_STATES = ("open", "closed")
_OPTIONAL = ("sometimes", "sees", "description")  # a description is for site builders


@dataclass(frozen=True)
class Issue:
    """A known issue: scenarios that fail on these surfaces, in these editions, in the way that `sees` describes."""

    id: str
    title: str
    open: bool
    editions: tuple[str, ...]
    surfaces: tuple[str, ...]
    scenarios: tuple[str, ...]
    sometimes: tuple[str, ...]
    sees: str
    since: date
    workaround: str
    path: Path

    def covers(self, key: Key) -> bool:
        """Whether it expects this result to be a failure (open) or a pass (closed)."""
        return _names(self.scenarios, key) and key.surface in self.surfaces and key.edition in self.editions

    def fixed_by(self, key: Key) -> bool:
        """Whether a pass of this result, which it covers, shows that it is fixed."""
        return not _names(self.sometimes, key)

    def about(self, scenario: Scenario) -> bool:
        """Whether it names this scenario or an example of it."""
        return scenario.id in {_scenario_id(name) for name in self.scenarios}


@dataclass(frozen=True)
class Register:
    """All known issues, open and closed, by id."""

    issues: tuple[Issue, ...]

    def issue(self, id_: str) -> Issue:
        """The issue with this id; raises SpecError if it does not exist."""
        for issue in self.issues:
            if issue.id == id_:
                return issue
        known = [issue.id for issue in self.issues]
        raise SpecError(f"There is no known issue {id_!r}.{suggestion(id_, known)}")

    def open_for(self, key: Key) -> tuple[Issue, ...]:
        """The open issues that cover this result."""
        return tuple(issue for issue in self.issues if issue.open and issue.covers(key))

    def closed_for(self, key: Key) -> tuple[Issue, ...]:
        """The closed issues that cover this result."""
        return tuple(issue for issue in self.issues if not issue.open and issue.covers(key))

    def surfaces(self, edition: str) -> frozenset[str]:
        """The surfaces that open issues name for an edition; a run must include them."""
        return frozenset(
            name for issue in self.issues if issue.open and edition in issue.editions for name in issue.surfaces
        )


def read_register(spec: Spec) -> Register:
    """Read the issues of a project; raises SpecError for the first mistake in one."""
    for path, line, sentence in register_problems(spec):
        raise SpecError(f"{display_path(path)}:{line}: {sentence}")
    return Register(tuple(_issue(path, _front(path, read_source(path))[0]) for path in _pages(spec)))


def register_problems(spec: Spec) -> Iterator[tuple[Path, int, str]]:
    """The mistakes in the pages of issues, as (file, line, message)."""
    for path in _pages(spec):
        for line, sentence in page_problems(path, read_source(path), spec):
            yield path, line, sentence


def page_problems(path: Path, text: str, spec: Spec) -> Iterator[tuple[int, str]]:
    """The mistakes in the text of an issue's page, as (line, message); the file may not exist yet."""
    fields, lines = _front(path, text)
    if not fields:
        yield 1, "The page of an issue must begin with front matter: fields between two lines '---'."
        return
    for key, sentence in _problems(path, fields, spec):
        yield lines.get(key, 1), sentence


def id_problem(id_: str) -> str | None:
    """The message for an id that is not valid for an issue, whose file has that name; None for a valid one."""
    if _ID.fullmatch(id_) and id_ != "index":
        return None
    return f"{id_!r} cannot be the id of an issue. Use up to {_ID_LENGTH} of a-z, 0-9 and '-', but not 'index'."


def named_rows(spec: Spec, name: str, surface: str, edition: str) -> Iterator[Key]:
    """The keys of a name that an issue can list: a scenario, or a single example of one."""
    scenario = spec.scenario(_scenario_id(name))
    keys = (Key(edition, surface, scenario.id, row) for row in scenario.rows)
    return (key for key in keys if _names((name,), key))


def _pages(spec: Spec) -> list[Path]:
    return [path for path in sorted(spec.config.issues.glob("*.md")) if path.name != "index.md"]


def _front(path: Path, text: str) -> tuple[Mapping[str, object], Mapping[str, int]]:
    """The front matter, and the line of each of its fields."""
    found = _FRONT.match(text)
    if found is None:
        return {}, {}
    try:
        fields = yaml.safe_load(found["fields"])
    except yaml.YAMLError as error:
        raise SpecError(
            f"{display_path(path)}:1: The front matter is not valid YAML: {' '.join(str(error).split())}"
        ) from error
    lines = {
        line.partition(":")[0]: number
        for number, line in enumerate(found["fields"].splitlines(), 2)
        if line[:1].isalpha()
    }
    return (fields if isinstance(fields, dict) else {}), lines


def _problems(path: Path, fields: Mapping[str, object], spec: Spec) -> Iterator[tuple[str, str]]:
    for key in (*_TEXTS, *_LISTS):
        if not fields.get(key):
            yield key, f"The field {key!r} is missing. Add it."
    for key in fields:
        if key not in (*_TEXTS, *_LISTS, *_OPTIONAL):
            yield key, f"An issue has no field {key!r}.{suggestion(key, [*_TEXTS, *_LISTS, *_OPTIONAL])}"
    if problem := id_problem(path.stem):
        yield "id", problem
    elif fields.get("id") and fields["id"] != path.stem:
        yield "id", f"The id {fields['id']!r} differs from the name of the file, {path.stem!r}. Make them equal."
    if fields.get("status") and fields["status"] not in _STATES:
        yield "status", f"The status is {fields['status']!r}. Make it open or closed."
    if fields.get("since") and _since(fields) is None:
        yield "since", f"{fields['since']!r} is not a date. Write it like 2026-03-01."
    if "sees" in fields and (problem := _sees_problem(fields["sees"])):
        yield "sees", problem
    yield from _unknown_names(fields, spec)


def _sees_problem(sees: object) -> str | None:
    """The message for a pattern that is not valid or matches every failure; None for any other pattern."""
    if not isinstance(sees, str):
        return "The field 'sees' must be a text: a regular expression for what the failing check says."
    try:
        everything = re.compile(sees).search("") is not None
    except re.error as error:
        return f"The field 'sees' is not a regular expression: {error}. Put a backslash before ()[]{{}}.*+?|^$."
    return "The field 'sees' matches every failure. Write what the failing check says." if everything else None


def _unknown_names(fields: Mapping[str, object], spec: Spec) -> Iterator[tuple[str, str]]:
    known = {"editions": spec.config.editions, "surfaces": spec.config.surfaces, "scenarios": _scenario_names(spec)}
    for key, names in known.items():
        if fields.get(key) and not isinstance(fields[key], list):
            yield key, f"The field {key!r} must be a list: [a, b]."
            continue
        for name in _list(fields, key):
            if name not in names:
                yield key, f"There is no {key[:-1]} {name!r}.{suggestion(name, names)}"
    for name in _list(fields, "sometimes"):
        if name not in _list(fields, "scenarios"):
            yield "sometimes", f"{name!r} is not one of the issue's scenarios. Add it there, or remove it here."
    for name in _list(fields, "scenarios"):
        scenario = spec.scenarios.get(_scenario_id(name))
        for surface in _list(fields, "surfaces") if scenario else ():
            if scenario and scenario.not_on(surface) is not None:
                yield (
                    "scenarios",
                    f"The scenario {name!r} does not run on the surface {surface!r}. Remove one of the two.",
                )


def _scenario_names(spec: Spec) -> set[str]:
    """The names that an issue can list: scenarios, and single examples of them."""
    examples = {f"{scenario.id}/{row + 1}" for scenario in spec.scenarios.values() for row in scenario.rows}
    return {*spec.scenarios, *examples}


def _names(scenarios: tuple[str, ...], key: Key) -> bool:
    return key.scenario in scenarios or f"{key.scenario}/{key.row + 1}" in scenarios


def _scenario_id(name: str) -> str:
    return name.partition("/")[0]


def _issue(path: Path, fields: Mapping[str, object]) -> Issue:
    return Issue(
        id=path.stem,
        title=str(fields["title"]),
        open=fields["status"] == "open",
        editions=_list(fields, "editions"),
        surfaces=_list(fields, "surfaces"),
        scenarios=_list(fields, "scenarios"),
        sometimes=_list(fields, "sometimes"),
        sees=str(fields.get("sees", "")),
        since=cast("date", _since(fields)),
        workaround=str(fields["workaround"]),
        path=path,
    )


def _since(fields: Mapping[str, object]) -> date | None:
    """The date, which may be in quotes; None if it is not valid."""
    value = fields["since"]
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def _list(fields: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = fields.get(key)
    return tuple(map(str, value)) if isinstance(value, list) else ()
