"""Cucumber Messages (NDJSON) of a run, for the Cucumber HTML formatter and similar tools.

Each surface has its own copy of the features, such as `api/deleting.feature`, as a scenario can have only one result
there. A known issue is "pending", a fixed issue that is still open "failed", an excluded scenario "skipped".
"""

from __future__ import annotations

import json
import platform
from base64 import b64encode
from datetime import datetime, timedelta
from importlib.metadata import version
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, cast

from gherkin.ast_builder import AstBuilder
from gherkin.parser import Parser
from gherkin.pickles.compiler import Compiler
from gherkin.stream.id_generator import IdGenerator

from living_spec.evidence import Exchange, Key, Outcome, Screenshot, Transcript
from living_spec.report.findings import Exit
from living_spec.results import Kind

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from gherkin.pickles.compiler import GherkinDocumentWithURI, Pickle

    from living_spec.evidence import Record, Result
    from living_spec.features import Feature
    from living_spec.report.findings import Finding, Findings

Message = dict[str, Any]

_RUN = "run"
_NO_TIME = {"seconds": 0, "nanos": 0}


def messages(findings: Findings) -> Iterator[str]:
    """The messages, a line of JSON each."""
    for message in _Writer(findings).all():
        yield json.dumps(message, ensure_ascii=False)


class _Writer:
    """Makes the messages of one run; its ids are unique in the run."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.ids = IdGenerator()
        self.found = {(one.surface, one.scenario.id, one.row): one for one in findings.all}
        started = [datetime.fromisoformat(result.started) for result in self.results()]
        self.begin = min(started, default=datetime.fromisoformat("1970-01-01T00:00:00+00:00"))
        self.end = max(
            (_end(result) for result in self.results()),
            default=self.begin,
        )

    def results(self) -> Iterator[Result]:
        """The results of the edition on the surfaces of the run."""
        for key, results in self.findings.proof.evidence.items():
            if key.edition == self.findings.edition and key.surface in self.findings.surfaces:
                yield from results

    def all(self) -> Iterator[Message]:
        """All messages, in the order that the format requires: ids before their uses."""
        yield {"meta": _meta()}
        cases = []
        for surface in self.findings.surfaces:
            for feature in self.findings.proof.spec.features:
                pickles = yield from self.feature(surface, feature)
                cases += [(surface, pickle, row) for pickle, row in pickles]
        yield {"testRunStarted": {"id": _RUN, "timestamp": _timestamp(self.begin)}}
        for surface, pickle, row in cases:
            yield from self.case(surface, pickle, row)
        success = self.findings.exit is not Exit.REGRESSION
        yield {
            "testRunFinished": {"testRunStartedId": _RUN, "timestamp": _timestamp(self.end), "success": success},
        }

    def feature(self, surface: str, feature: Feature) -> Generator[Message, None, list[tuple[Pickle, int]]]:
        """Yield the source, document and pickles of a feature; returns the pickles with their row numbers."""
        uri = f"{surface}/{feature.name}.feature"
        text = feature.path.read_text("utf-8")
        yield {"source": {"uri": uri, "data": text, "mediaType": "text/x.cucumber.gherkin+plain"}}
        document = cast("GherkinDocumentWithURI", Parser(AstBuilder(self.ids)).parse(text))
        document["uri"] = uri
        yield {"gherkinDocument": document}
        rows: dict[str, int] = {}
        pickles = []
        for pickle in Compiler(self.ids).compile(document):
            id_ = _scenario_id(pickle)
            rows[id_] = rows.get(id_, -1) + 1
            if (surface, id_, rows[id_]) not in self.found:
                continue  # not selected
            yield {"pickle": pickle}
            pickles.append((pickle, rows[id_]))
        return pickles

    def case(self, surface: str, pickle: Pickle, row: int) -> Iterator[Message]:
        """The test case of a pickle, and its result."""
        found = self.found[surface, _scenario_id(pickle), row]
        result = self.result(found)
        case, attempt = self.ids.get_next_id(), self.ids.get_next_id()
        steps = [(self.ids.get_next_id(), step["id"]) for step in pickle["steps"]]
        test_steps = [{"id": id_, "pickleStepId": step, "stepDefinitionIds": []} for id_, step in steps]
        yield {
            "testCase": {"id": case, "pickleId": pickle["id"], "testSteps": test_steps, "testRunStartedId": _RUN},
        }
        begin = datetime.fromisoformat(result.started) if result else self.begin
        end = _timestamp(_end(result) if result else self.begin)
        yield {
            "testCaseStarted": {"id": attempt, "testCaseId": case, "attempt": 0, "timestamp": _timestamp(begin)},
        }
        outcomes = _outcomes(found, result, len(steps))
        evidence = result.steps if result else ()
        for (id_, _step), (status, message), seen in zip_longest(steps, outcomes, evidence[: len(steps)]):
            place = {"testCaseStartedId": attempt, "testStepId": id_}
            yield {"testStepStarted": {**place, "timestamp": _timestamp(begin)}}
            for record in seen.records if seen else ():
                yield {"attachment": {**place, **self.attachment(found, record)}}
            reason = {"message": message} if message else {}
            yield {
                "testStepFinished": {
                    **place,
                    "timestamp": end,
                    "testStepResult": {"status": status, "duration": _NO_TIME, **reason},
                },
            }
        yield {"testCaseFinished": {"testCaseStartedId": attempt, "timestamp": end, "willBeRetried": False}}

    def result(self, found: Finding) -> Result | None:
        """The worst result of a finding; None without a result."""
        key = Key(self.findings.edition, found.surface, found.scenario.id, found.row)
        return self.findings.proof.worst(key)

    def attachment(self, found: Finding, record: Record) -> Message:
        """A record as an attachment."""
        if isinstance(record, Screenshot):
            folder = self.findings.proof.spec.config.evidence / self.findings.edition / found.surface / "pictures"
            body = b64encode((folder / record.file).read_bytes()).decode()
            return {
                "body": body,
                "contentEncoding": "BASE64",
                "mediaType": "image/png",
                "fileName": f"{record.label}.png",
            }
        return {"body": _text(record), "contentEncoding": "IDENTITY", "mediaType": "text/plain"}


def _outcomes(found: Finding, result: Result | None, count: int) -> list[tuple[str, str]]:
    """The status and message of each step."""
    kind, reason = found.verdict.kind, found.verdict.reason
    if result is None or kind in (Kind.NOT_ON_SURFACE, Kind.NOT_RUN):
        return [("SKIPPED", f"{kind.value}: {reason}" if step == 0 else "") for step in range(count)]
    failed = "PENDING" if kind is Kind.KNOWN_ISSUE else "FAILED"
    words = {Outcome.PASSED: "PASSED", Outcome.FAILED: failed, Outcome.NOT_RUN: "SKIPPED"}
    outcomes = [(words[step.outcome], step.message) for step in result.steps[:count]]
    outcomes += [("SKIPPED", "")] * (count - len(outcomes))
    if kind is Kind.KNOWN_ISSUE:
        outcomes = [(word, f"{kind.value}: {reason}\n{text}" if word == failed else text) for word, text in outcomes]
    elif kind is Kind.FIXED:
        outcomes[-1] = ("FAILED", f"{kind.value}: {reason}")
    elif kind is Kind.FAILS and "FAILED" not in dict(outcomes):  # set-up or tear-down has failed
        outcomes[0] = ("FAILED", reason)
    return outcomes


def _scenario_id(pickle: Pickle) -> str:
    tags = [tag["name"] for tag in pickle["tags"]]
    return str(next(name.removeprefix("@scenario:") for name in tags if name.startswith("@scenario:")))


def _text(record: Record) -> str:
    if isinstance(record, Transcript):
        return f"$ {record.command}\n{record.output}\nexit code {record.exit_code}"
    if isinstance(record, Exchange):
        return f"{record.method} {record.path}\n{record.request_body}\n\n{record.status}\n{record.response_body}"
    return record.label


def _end(result: Result) -> datetime:
    return datetime.fromisoformat(result.started) + timedelta(seconds=result.duration)


def _timestamp(at: datetime) -> dict[str, int]:
    return {"seconds": int(at.timestamp()), "nanos": at.microsecond * 1000}


def _meta() -> Message:
    return {
        "protocolVersion": "27.0.0",
        "implementation": {"name": "living-spec", "version": version("pytest-bdd")},
        "runtime": {"name": platform.python_implementation(), "version": platform.python_version()},
        "os": {"name": platform.system()},
        "cpu": {"name": platform.machine()},
    }
