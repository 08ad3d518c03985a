"""The bindings of a page: a text file that names the proofs of each sentence, or marks it as no fact.

    The Run of a killed process releases its version.
        rule in-use-dead-holder
        scenario run-died step 9 on cli

    Keep a copy of your files.
        advice

`rule`, `scenario` and `test` are proofs. A test proves a fact that it names: `@pytest.mark.proves("run-cache-erased")`.
A scenario or rule counts on all surfaces, or on those after `on`. `definition`, `advice` and `navigation` mark a
sentence that states no fact. `?` marks a sentence that nobody has bound yet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from living_spec.config import SpecError, display_path, read_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from living_spec.config import Prose

_PROOF = re.compile(
    r"(?P<kind>rule|scenario|test) (?P<id>\S+)(?: step (?P<step>[1-9]\d*))?(?: on (?P<surfaces>\S+(?:, \S+)*))?"
)
UNBOUND = "?"


class Kind(StrEnum):
    """A kind of proof."""

    RULE = "rule"
    SCENARIO = "scenario"
    TEST = "test"


class Mark(StrEnum):
    """The mark of a sentence that states no fact."""

    DEFINITION = "definition"
    ADVICE = "advice"
    NAVIGATION = "navigation"


@dataclass(frozen=True)
class Reference:
    """A proof of a sentence: a rule or scenario by its id, or a test by its fact.

    `step` counts from 1; None means all steps. `surfaces` are ids; () means all surfaces.
    """

    kind: Kind
    id: str
    step: int | None = None
    surfaces: tuple[str, ...] = ()

    def __str__(self) -> str:
        step = f" step {self.step}" if self.step else ""
        return f"{self.kind} {self.id}{step}{' on ' if self.surfaces else ''}{', '.join(self.surfaces)}"


@dataclass(frozen=True)
class Binding:
    """A sentence with its proofs or its mark. Without either, it is not bound. `line` counts from 1."""

    sentence: str
    line: int
    proofs: tuple[Reference, ...] = ()
    mark: Mark | None = None

    @property
    def bound(self) -> bool:
        """Whether it has a proof or a mark."""
        return bool(self.proofs or self.mark)


def bindings_file(prose: Prose, page: Path) -> Path:
    """The file with the bindings of a page: at the same place below the folder of bindings."""
    base = prose.base if page.is_relative_to(prose.base) else prose.root
    return prose.bindings / page.relative_to(base).with_suffix(".txt")


def read_bindings(path: Path) -> tuple[Binding, ...]:
    """The bindings in a file, in order; () if the file does not exist. Raises SpecError for an invalid line."""
    if not path.exists():
        return ()
    return tuple(_bindings(path, read_source(path).splitlines()))


def written(bindings: Iterable[Binding]) -> str:
    """The text of a file with these bindings."""
    return "\n".join(
        "\n".join([one.sentence, *(f"    {word}" for word in one.proofs or (one.mark or UNBOUND,))]) + "\n"
        for one in bindings
    )


def _bindings(path: Path, lines: list[str]) -> Iterator[Binding]:
    sentence, first = "", 0
    words: list[tuple[int, str]] = []
    for number, line in enumerate([*lines, ""], 1):
        if line.startswith((" ", "\t")) and line.strip():
            words.append((number, line.strip()))
        elif line.strip() and not sentence:
            sentence, first = line.strip(), number
        elif line.strip():
            raise _mistake(path, number, "Write each sentence on one line, with an empty line before it.")
        if not line.strip():
            if words and not sentence:
                raise _mistake(path, words[0][0], "There is no sentence above this line.")
            if sentence:
                yield _binding(path, sentence, first, words)
            sentence, words = "", []


def _binding(path: Path, sentence: str, line: int, words: list[tuple[int, str]]) -> Binding:
    marks = [Mark(word) for _, word in words if word in list(Mark)]
    proofs = tuple(_reference(path, *word) for word in words if word[1] not in (*Mark, UNBOUND))
    if len(marks) > 1 or (marks and proofs):
        raise _mistake(path, line, "A sentence has either proofs or one mark.")
    return Binding(sentence, line, proofs, marks[0] if marks else None)


def _reference(path: Path, line: int, word: str) -> Reference:
    match = _PROOF.fullmatch(word)
    if not match:
        proofs = "`rule ID`, `scenario ID`, `scenario ID step N` or `test FACT`"
        raise _mistake(path, line, f"{word!r} is not a proof. Write {proofs}, or one of {', '.join(Mark)}.")
    kind = Kind(match["kind"])
    if match["step"] and kind is not Kind.SCENARIO:
        raise _mistake(path, line, "Only a scenario has steps.")
    if match["surfaces"] and kind is Kind.TEST:
        raise _mistake(path, line, "A test has no surfaces.")
    surfaces = tuple(match["surfaces"].split(", ")) if match["surfaces"] else ()
    return Reference(kind, match["id"], int(match["step"]) if match["step"] else None, surfaces)


def _mistake(path: Path, line: int, sentence: str) -> SpecError:
    return SpecError(f"{display_path(path)}:{line}: {sentence}")
