"""Evidence: the results of a run as values, and the digest of the sources that they belong to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from living_spec.config import Config


class Outcome(StrEnum):
    """The outcome of one test of a scenario, or of one step."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


class Key(NamedTuple):
    """The identity of one result. `row` counts example rows from 0; a plain scenario has row 0 only."""

    edition: str
    surface: str
    scenario: str
    row: int


@dataclass(frozen=True)
class Transcript:
    """A command, its output, and its exit code."""

    command: str
    output: str
    exit_code: int
    kind: Literal["transcript"] = "transcript"


@dataclass(frozen=True)
class Exchange:
    """An HTTP request and its response."""

    method: str
    path: str
    request_body: str
    status: int
    response_body: str
    kind: Literal["exchange"] = "exchange"


@dataclass(frozen=True)
class Screenshot:
    """A picture of a page; `file` is its name in the surface's folder of pictures."""

    label: str
    file: str
    kind: Literal["screenshot"] = "screenshot"


Record = Transcript | Exchange | Screenshot


@dataclass(frozen=True)
class StepEvidence:
    """The result of one step: its outcome, the message of its failure, and its records in order.

    `type` is Gherkin's type of the step, as in `features.Step`; "" for a step that did not run. `asserted` says whether
    a check of the step failed, and not a crash.
    """

    keyword: str
    text: str
    outcome: Outcome
    message: str
    records: tuple[Record, ...]
    type: str = ""
    asserted: bool = False

    @property
    def seen(self) -> str:
        """The step and the message of its failure, which the field `sees` of a known issue describes."""
        return f"{self.keyword} {self.text}: {self.message}"


@dataclass(frozen=True)
class Result:
    """The result of one test of a scenario, on one surface and edition, for one example row.

    `reason` says why it failed or was not run; `duration` is in seconds; `digest` is the digest of the sources;
    `test` is pytest's id of the test; `torn_down` is the failure of the tear-down, or "".
    """

    key: Key
    values: Mapping[str, str]
    outcome: Outcome
    reason: str
    started: str
    duration: float
    steps: tuple[StepEvidence, ...]
    digest: str = ""
    test: str = ""
    torn_down: str = ""


def failing_check(steps: Sequence[StepEvidence]) -> StepEvidence | None:
    """The step whose check failed, if it is the first When step or a later one. Otherwise None.

    Without a When step, the first Then or `*` takes its place. A failure in a Given step, a missing definition or a
    crash says nothing about the software.
    """
    types = [step.type for step in steps]
    others = (number for number, type_ in enumerate(types) if type_ in ("Outcome", "Unknown"))
    acting = types.index("Action") if "Action" in types else next(others, len(types))
    return next((step for step in steps[acting:] if step.outcome is Outcome.FAILED and step.asserted), None)


def noticed(steps: Sequence[StepEvidence]) -> bool:
    """Whether a check of the scenario failed; see `failing_check`."""
    return failing_check(steps) is not None


def digest(config: Config) -> str:
    """The SHA-256, in hex, over the paths and contents of the files that decide the results."""
    total = hashlib.sha256()
    for path in sorted(set(_files(config)), key=lambda path: path.relative_to(config.root).as_posix()):
        name = path.relative_to(config.root).as_posix()
        total.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _files(config: Config) -> Iterator[Path]:
    for top in (config.features, *([config.tests] if config.tests else []), *config.digest):
        for path in [top] if top.is_file() else top.rglob("*"):
            if path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts:
                yield path


class ResultJson(TypedDict):
    """A result as JSON, made by `dataclasses.asdict`; the key is a list."""

    key: tuple[str, str, str, int]
    values: dict[str, str]
    outcome: str
    reason: str
    started: str
    duration: float
    steps: list[StepJson]
    digest: str
    test: str
    torn_down: str


class StepJson(TypedDict):
    """A step as JSON."""

    keyword: str
    text: str
    outcome: str
    message: str
    records: list[RecordJson]
    type: str
    asserted: bool


class RecordJson(TypedDict):
    """A record as JSON: the fields of its kind."""

    kind: Literal["transcript", "exchange", "screenshot"]


_KINDS: Mapping[str, Callable[..., Record]] = {
    "transcript": Transcript,
    "exchange": Exchange,
    "screenshot": Screenshot,
}


def result_from_json(data: ResultJson) -> Result:
    """The result from its JSON."""
    return Result(
        key=Key(*data["key"]),
        values=data["values"],
        outcome=Outcome(data["outcome"]),
        reason=data["reason"],
        started=data["started"],
        duration=data["duration"],
        steps=tuple(
            StepEvidence(
                keyword=step["keyword"],
                text=step["text"],
                outcome=Outcome(step["outcome"]),
                message=step["message"],
                records=tuple(_KINDS[record["kind"]](**record) for record in step["records"]),
                type=step["type"],
                asserted=step["asserted"],
            )
            for step in data["steps"]
        ),
        digest=data["digest"],
        test=data["test"],
        torn_down=data["torn_down"],
    )
