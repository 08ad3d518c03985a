"""Facts: what tests prove, by `@pytest.mark.proves("FACT")`, and the results of these tests.

A test may prove several facts, and a fact may need several tests. `reads=["README.md"]` names files,
relative to the root of the project. A change of these files, the sources or a test makes the result stale.
"""

from __future__ import annotations

import ast
import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from living_spec.config import SpecError, display_path, read_source
from living_spec.evidence import Outcome, digest
from living_spec.results import NO_RESULT, Freshness, Kind, Verdict
from living_spec.store import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from living_spec.config import Config

MARKER = "proves"
_FILE = "facts.json"
_WORST = (Outcome.FAILED, Outcome.NOT_RUN, Outcome.PASSED)


@dataclass(frozen=True, order=True)
class ProvingTest:
    """A test, as `path::function`, with the line of its marker from 1, the facts it proves and the files it reads."""

    name: str
    path: Path
    line: int
    facts: tuple[str, ...]
    reads: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """The result of one case of a test: one value of its parameters."""

    outcome: Outcome
    reason: str
    digest: str


@dataclass(frozen=True)
class TestResult:
    """The results of a test's cases, by node id. `whole` says whether one run had all cases."""

    cases: Mapping[str, Case]
    whole: bool


def proving_tests(config: Config) -> list[ProvingTest]:
    """All tests that prove a fact, in the order of their files. Their sources are parsed, not run.

    Raises SpecError for a marker that does not name its facts as literal strings.
    """
    found: list[ProvingTest] = []
    for top in config.prose.tests if config.prose else ():
        for path in sorted(top.rglob("test_*.py")):
            source = read_source(path)
            if f".{MARKER}(" in source:
                found += _in_source(config.root, path, source)
    return found


def by_fact(tests: Iterable[ProvingTest]) -> dict[str, list[ProvingTest]]:
    """The tests of each fact."""
    facts: dict[str, list[ProvingTest]] = {}
    for test in tests:
        for fact in test.facts:
            facts.setdefault(fact, []).append(test)
    return facts


def fact_digests(config: Config, tests: Iterable[ProvingTest]) -> dict[str, str]:
    """For each test, by name, the digest of the sources that its result belongs to."""
    if config.prose is None:
        return {}
    base = digest(replace(config, digest=(*config.digest, *config.prose.tests)))
    return {test.name: _with_files(base, config, test.reads) for test in tests}


def read_results(config: Config) -> dict[str, TestResult]:
    """The results of tests that prove facts, by name; none if the file is missing or damaged."""
    try:
        data = json.loads((config.evidence / _FILE).read_text("utf-8"))
        return {name: _result(entry) for name, entry in data.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_results(config: Config, new: Mapping[str, TestResult]) -> None:
    """Add the results of a run. Results of other cases stay; results of deleted tests are removed."""
    known = read_results(config)
    existing = {test.name for test in proving_tests(config)}
    merged = {name: result for name, result in known.items() if name in existing}
    for name, result in new.items():
        if name in existing:
            earlier = merged.get(name)
            merged[name] = result if result.whole or earlier is None else _added(earlier, result)
    content = {name: asdict(merged[name]) for name in sorted(merged)}
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    replace_file(config.evidence / _FILE, text.encode())


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of these outcomes."""
    seen = set(outcomes)
    return next(outcome for outcome in _WORST if outcome in seen)


def judge_test(result: TestResult | None, current: str) -> Verdict:
    """The verdict on a test from its result and the digest of its present sources."""
    if result is None or not result.cases:
        return Verdict(Kind.NOT_RUN, NO_RESULT, Freshness.MISSING)
    if not result.whole:
        return Verdict(Kind.NOT_RUN, "only some of its cases were run", Freshness.MISSING)
    outcome = worst(case.outcome for case in result.cases.values())
    reason = next(case.reason for case in result.cases.values() if case.outcome is outcome)
    kind = {Outcome.PASSED: Kind.HOLDS, Outcome.FAILED: Kind.FAILS, Outcome.NOT_RUN: Kind.NOT_RUN}[outcome]
    fresh = all(case.digest == current for case in result.cases.values())
    return Verdict(kind, reason, Freshness.FRESH if fresh else Freshness.STALE)


@cache  # several parts of a process ask for them
def _in_source(root: Path, path: Path, source: str) -> tuple[ProvingTest, ...]:
    try:
        module = ast.parse(source)
    except SyntaxError as error:
        raise SpecError(f"{display_path(path)}:{error.lineno}: Python cannot read this file: {error.msg}.") from error
    return tuple(_tests(root, path, module.body, "", ()))


def _result(entry: Mapping[str, Any]) -> TestResult:
    cases = {id_: Case(Outcome(one["outcome"]), one["reason"], one["digest"]) for id_, one in entry["cases"].items()}
    return TestResult(cases, entry["whole"])


def _added(earlier: TestResult, later: TestResult) -> TestResult:
    return replace(earlier, cases={**earlier.cases, **later.cases})


def _tests(
    root: Path, path: Path, body: Iterable[ast.stmt], prefix: str, inherited: tuple[ast.Call, ...]
) -> Iterator[ProvingTest]:
    statements = list(body)
    above = (*inherited, *_module_marks(statements))
    for node in statements:
        if isinstance(node, ast.ClassDef):
            yield from _tests(root, path, node.body, f"{prefix}{node.name}::", (*above, *_marks(node.decorator_list)))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            calls = (*above, *_marks(node.decorator_list))
            if calls:
                name = f"{path.relative_to(root).as_posix()}::{prefix}{node.name}"
                yield _test(path, name, calls)


def _module_marks(body: Iterable[ast.stmt]) -> tuple[ast.Call, ...]:
    for node in body:
        if isinstance(node, ast.Assign) and any(
            isinstance(one, ast.Name) and one.id == "pytestmark" for one in node.targets
        ):
            return _marks(node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value])
    return ()


def _marks(nodes: Iterable[ast.expr]) -> tuple[ast.Call, ...]:
    return tuple(
        node
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == MARKER
    )


def _test(path: Path, name: str, calls: tuple[ast.Call, ...]) -> ProvingTest:
    facts: list[str] = []
    reads: list[str] = []
    for call in calls:
        try:
            facts += [str(ast.literal_eval(argument)) for argument in call.args]
            reads += [str(file) for keyword in call.keywords for file in ast.literal_eval(keyword.value)]
        except ValueError as error:
            raise SpecError(
                f"{display_path(path)}:{call.lineno}: Give the marker `{MARKER}` its facts as literal strings."
            ) from error
    return ProvingTest(name, path, calls[-1].lineno, tuple(facts), tuple(reads))


def _with_files(base: str, config: Config, reads: tuple[str, ...]) -> str:
    total = hashlib.sha256(base.encode())
    for name in reads:
        file = config.root / name
        total.update(f"\n{name}\0{hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ''}".encode())
    return total.hexdigest() if reads else base
