"""The pytest plugin: runs every scenario on every surface and writes the evidence.

Load it with `-p living_spec.pytest_plugin` in `addopts`, or with `pytest_plugins` in the top conftest.
Steps can request the fixtures `surface_name`, `edition` and `evidence` (a `Recorder`).
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, TypedDict, cast

import pytest
from pytest_bdd.scenario import scenario_wrapper_template_registry

from living_spec.config import SpecError, read_config, with_register
from living_spec.evidence import Key, Outcome, Result, ResultJson, digest, result_from_json
from living_spec.prose.facts import MARKER
from living_spec.prose.recording import FactWriter, Marked
from living_spec.recorder import Recorder
from living_spec.selection import Selection, select
from living_spec.step_lint import step_problems
from living_spec.store import write_asked, write_evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from pytest_bdd.parser import ScenarioTemplate
    from pytest_bdd.parser import Step as BddStep

    from living_spec.features import Scenario
    from living_spec.issues import Register

_PROPERTY = "living_spec"


class _Parcel(TypedDict):
    """A result and its pictures, sent from a worker to the process that writes them."""

    result: ResultJson
    pictures: dict[str, str]


_selection = pytest.StashKey[Selection]()
_recorder = pytest.StashKey[Recorder]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that select scenarios, surfaces and the edition."""
    group = parser.getgroup("living-spec")
    group.addoption(
        "--surface",
        action="append",
        metavar="NAME",
        help="run the scenarios on this surface only (repeatable)",
    )
    group.addoption("--edition", metavar="NAME", help="the edition under test (default: the first one)")
    group.addoption("--rule", action="append", metavar="ID", help="run the scenarios of this rule only (repeatable)")
    group.addoption(
        "--issue",
        metavar="ID",
        help="reproduce this known issue: run its scenarios on its surfaces, in its first edition or in --edition",
    )
    group.addoption("--known-issues", metavar="FOLDER", help="the folder of known issues (default: the project's)")
    group.addoption(
        "--evidence",
        metavar="FOLDER",
        help="write the evidence there, so that it does not count as the site's",
    )
    group.addoption(
        "--lint-steps",
        action="store_true",
        help="fail for steps that match several definitions, and for definitions that no step uses",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Check the options against the configuration."""
    try:
        config.stash[_selection] = selection = _selected(config)
    except SpecError as error:
        raise pytest.UsageError(str(error)) from error
    if config.getoption("lint_steps") and config.getoption("numprocesses", None):
        raise pytest.UsageError("--lint-steps needs all steps in one process. Add -n 0.")
    config.addinivalue_line("markers", f"{MARKER}(*facts, reads=()): the facts of the pages that a test proves")
    config.pluginmanager.register(Marked(), "living-spec-marked")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Writer(selection), "living-spec-writer")
        by_node_id = any("::" in argument for argument in config.args)
        config.pluginmanager.register(FactWriter(selection.config, by_node_id), "living-spec-facts")


def _selected(config: pytest.Config) -> Selection:
    """The selection of the options; raises SpecError for an unknown name, or without a configuration."""
    settings = read_config(config.rootpath)
    here = config.invocation_params.dir
    if folder := cast("str | None", config.getoption("known_issues")):
        settings = with_register(settings, here / folder)
    if folder := cast("str | None", config.getoption("evidence")):
        settings = replace(settings, evidence=here / folder)
    return select(
        settings,
        cast("list[str] | None", config.getoption("surface")) or [],
        cast("str | None", config.getoption("edition")),
        cast("list[str] | None", config.getoption("rule")) or [],
        cast("str | None", config.getoption("issue")),
    )


@pytest.hookimpl(tryfirst=True)
def pytest_bdd_apply_tag(tag: str) -> bool | None:
    """Keep the tags of ids from becoming markers; a marker cannot contain a colon."""
    return True if tag.startswith(("rule:", "scenario:")) else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test per surface of the scenario."""
    template = _template(metafunc.function)
    if template is None:
        return
    selection = metafunc.config.stash[_selection]
    scenario = _scenario(template, selection)
    wanted = selection.includes(scenario, {tag.removeprefix("rule:") for tag in _rule_tags(template)})
    surfaces = [name for name in selection.surfaces if wanted and scenario.not_on(name) is None]
    if surfaces:
        # Only steps request it, and pytest does not see their fixtures.
        if "surface_name" not in metafunc.fixturenames:
            metafunc.fixturenames.append("surface_name")
        metafunc.parametrize("surface_name", surfaces)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Remove scenarios that are not selected."""
    items[:] = [item for item in items if _template_of(item) is None or "surface_name" in _params(item)]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Lint the steps where --lint-steps is given."""
    if session.config.getoption("lint_steps"):
        problems = step_problems()
        if problems:
            raise pytest.UsageError("\n".join(problems))


@pytest.fixture(scope="session")
def edition(pytestconfig: pytest.Config) -> str:
    """The id of the edition under test."""
    return pytestconfig.stash[_selection].edition


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Recorder:
    """The recorder of this test."""
    node = cast("pytest.Item", request.node)
    return node.stash[_recorder]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give each test of a scenario its recorder."""
    template = _template_of(item)
    if template is not None:
        selection = item.config.stash[_selection]
        scenario = _scenario(template, selection)
        values = cast("dict[str, str]", _params(item).get("_pytest_bdd_example", {}))
        row = scenario.examples.index(values) if values else 0
        item.stash[_recorder] = Recorder(
            Key(selection.edition, cast("str", _params(item)["surface_name"]), scenario.id, row), values
        )


def pytest_bdd_after_step(request: pytest.FixtureRequest, step: BddStep) -> None:
    """End a step that passed."""
    request.node.stash[_recorder].end_step(step.keyword, step.name, Outcome.PASSED)


def pytest_bdd_step_error(request: pytest.FixtureRequest, step: BddStep, exception: Exception) -> None:
    """End a step that failed."""
    message = f"{type(exception).__name__}: {exception}"
    request.node.stash[_recorder].end_step(step.keyword, step.name, Outcome.FAILED, message)


def pytest_bdd_step_func_lookup_error(request: pytest.FixtureRequest, step: BddStep, exception: Exception) -> None:
    """End a step that has no definition."""
    request.node.stash[_recorder].end_step(step.keyword, step.name, Outcome.FAILED, str(exception))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the result to the last report of a test, which the process that writes receives."""
    report = yield
    recorder = item.stash.get(_recorder, None)
    template = _template_of(item)
    if recorder is not None and template is not None:
        if call.excinfo is not None:
            # The exception itself, as pytest reports an expected failure as skipped.
            skipped = call.excinfo.errisinstance(pytest.skip.Exception)
            outcome = Outcome.NOT_RUN if skipped else Outcome.FAILED
            recorder.end_phase(outcome, str(call.excinfo.value) if skipped else call.excinfo.exconly())
        if call.when == "call":
            _expect(report, recorder, item.config.stash[_selection].register)
        if call.when == "teardown":
            steps = [(step.keyword, step.name) for step in template.render(recorder.values).steps]
            parcel: _Parcel = {
                "result": cast("ResultJson", asdict(recorder.result(steps))),
                "pictures": {file: b64encode(png).decode() for file, png in recorder.pictures.items()},
            }
            report.user_properties.append((_PROPERTY, json.dumps(parcel)))
    return report


def _expect(report: pytest.TestReport, recorder: Recorder, register: Register) -> None:
    """Turn the failure that an open issue expects into a skip, and its absence into a failure.

    The failure of a closed issue gets a note.
    """
    if issue := register.open_for(recorder.key):
        if report.passed and issue.fixed_by(recorder.key):
            report.outcome = "failed"
            report.longrepr = (
                f"Known issue {issue.id} is fixed: this scenario holds. Close it: living-spec issue close {issue.id}"
            )
        elif report.failed and recorder.noticed:
            report.outcome = "skipped"
            report.wasxfail = f"known issue {issue.id}: {issue.title}"
    elif report.failed and (issue := register.closed_for(recorder.key)):
        report.sections.append(
            ("known issue", f"Issue {issue.id} is closed, but fails again. Fix the bug, or reopen it in {issue.path}.")
        )


class _Writer:
    """Collects all results, and writes them at the end of the run; not part of a worker of xdist."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        # Computed before anything runs, so that a source that changes during the run makes the results stale.
        self._digest = digest(selection.config)
        self._results: list[Result] = []
        self._pictures: dict[str, bytes] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the result from a report that has one."""
        for name, value in report.user_properties:
            if name == _PROPERTY:
                parcel = cast("_Parcel", json.loads(cast("str", value)))
                self._results.append(replace(result_from_json(parcel["result"]), digest=self._digest))
                self._pictures |= {file: b64decode(png) for file, png in parcel["pictures"].items()}

    def pytest_sessionfinish(self) -> None:
        """Write the results, also after an interrupted run."""
        if self._results:
            write_evidence(self._selection.spec, self._results, self._pictures)
            write_asked(self._selection.spec, self._selection.edition, self._selection.scenarios())


def _template(function: object) -> ScenarioTemplate | None:
    """The scenario of a test function that pytest-bdd has made; None for any other function."""
    return scenario_wrapper_template_registry.get(cast("Callable[..., object]", function))


def _template_of(item: pytest.Item) -> ScenarioTemplate | None:
    return _template(item.function) if isinstance(item, pytest.Function) else None


def _rule_tags(template: ScenarioTemplate) -> set[str]:
    return template.rule.tags if template.rule else set()


def _params(item: pytest.Item) -> Mapping[str, object]:
    """The parameters of a test, by name."""
    callspec = getattr(item, "callspec", None)
    return {} if callspec is None else cast("Mapping[str, object]", callspec.params)


def _scenario(template: ScenarioTemplate, selection: Selection) -> Scenario:
    """The scenario of the spec with the same id; raises CollectError where there is none."""
    ids = [tag.removeprefix("scenario:") for tag in template.tags if tag.startswith("scenario:")]
    if len(ids) != 1:
        raise pytest.Collector.CollectError(f"The scenario {template.name!r} needs exactly one tag @scenario:ID.")
    try:
        return selection.spec.scenario(ids[0])
    except SpecError as error:
        raise pytest.Collector.CollectError(str(error)) from error
