"""The pytest plugin: runs every scenario on every surface and writes the evidence.

Load it with `-p living_spec.pytest_plugin` in `addopts`, or with `pytest_plugins` in the top conftest.
Steps can request the fixtures `surface_name`, `edition` and `evidence` (a `Recorder`).
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast
from uuid import uuid4

import pytest
from pytest_bdd.scenario import scenario_wrapper_template_registry

from living_spec import beginning, hooks
from living_spec.awaiting import Awaiting, NotRunError, check_run
from living_spec.collected import Collected, from_json, names_single_tests
from living_spec.config import SpecError, display_path, read_config, with_register
from living_spec.evidence import Key, Outcome, Result, ResultJson, digest, result_from_json
from living_spec.listed import expect
from living_spec.prose.recording import record_facts
from living_spec.recorder import Recorder
from living_spec.repeats import repeat_problem
from living_spec.selection import Selection, select
from living_spec.step_lint import step_problems
from living_spec.store import write_asked, write_evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from pytest_bdd.parser import ScenarioTemplate
    from pytest_bdd.parser import Step as BddStep

    from living_spec.features import Scenario

_PROPERTY = "living_spec"
_COLLECTED = "living_spec_collected"


class _Parcel(TypedDict):
    """A result and its pictures, which a worker sends to the process that writes them. `id` is unique."""

    id: str
    result: ResultJson
    pictures: dict[str, str]


_selection = pytest.StashKey[Selection]()
_recorder = pytest.StashKey[Recorder]()
_parcels = pytest.StashKey[list[_Parcel]]()  # of each time that the test ran
_excluded = pytest.StashKey[list[Key]]()
_tests = pytest.StashKey[frozenset[str]]()
_unsent = pytest.StashKey[Collected]()


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
        help="write the evidence to this folder, apart from the evidence of the site",
    )
    group.addoption(
        "--lint-steps",
        action="store_true",
        help="fail for steps that match several definitions, and for definitions that no step uses",
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the hooks that a project can implement, and the plugin that calls them before a run."""
    pluginmanager.add_hookspecs(hooks)
    pluginmanager.register(beginning, "living-spec-beginning")


def pytest_configure(config: pytest.Config) -> None:
    """Check the options against the configuration."""
    try:
        config.stash[_selection] = selection = _selected(config)
        if not hasattr(config, "workerinput"):
            config.pluginmanager.register(_Writer(selection), "living-spec-writer")
        record_facts(config, selection.config, names_single_tests(config))
    except SpecError as error:
        raise pytest.UsageError(str(error)) from error
    if config.getoption("lint_steps") and config.getoption("numprocesses", None):
        raise pytest.UsageError("--lint-steps needs all steps in one process. Add -n 0.")
    config.pluginmanager.register(_Selecting(), "living-spec-selecting")
    config.pluginmanager.register(Awaiting(), "living-spec-awaiting")


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
    if wanted:
        # Only steps request it, and pytest does not see their fixtures.
        if "surface_name" not in metafunc.fixturenames:
            metafunc.fixturenames.append("surface_name")
        # On excluded surfaces, too, so that pytest's own options decide which of them were asked for.
        metafunc.parametrize("surface_name", selection.surfaces)


class _Selecting:
    """Removes the tests that the options do not select, before other plugins see them."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Remove the scenarios of other rules and issues."""
        items[:] = [item for item in items if _template_of(item) is None or "surface_name" in _params(item)]
        config.stash[_tests] = frozenset(item.nodeid for item in items if _template_of(item))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Remove the tests on excluded surfaces, after pytest has chosen among all."""
    config.stash[_excluded] = [key for item in items if excluded(item) and (key := _key(item))]
    items[:] = [item for item in items if not excluded(item)]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note which results the run was asked for. With --lint-steps, lint the steps."""
    stash = session.config.stash
    asked = [key for item in session.items if (key := _key(item))]
    some = names_single_tests(session.config)
    if _excluded in stash:  # otherwise pytest could not collect
        stash[_unsent] = Collected.of([*asked, *stash[_excluded]], stash[_tests], some=some)
    if session.config.getoption("lint_steps"):
        problems = step_problems() + _repeat_problems(session.items)
        if problems:
            raise pytest.UsageError("\n".join(problems))


def _repeat_problems(items: list[pytest.Item]) -> list[str]:
    """The scenarios that give several results for one key, as FILE:LINE: MESSAGE."""
    tests: dict[Key, list[pytest.Item]] = {}
    for item in items:
        if key := _key(item):
            tests.setdefault(key, []).append(item)
    problems: dict[str, str] = {}  # by place: of a scenario the problem on its first surface
    for several in tests.values():
        template = cast("ScenarioTemplate", _template_of(several[0]))
        place = f"{display_path(Path(template.feature.filename))}:{template.line_number}"
        if problem := repeat_problem(several):
            problems.setdefault(place, f"{place}: The scenario {template.name!r} {problem}")
    return list(problems.values())


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
    """Give each test of a scenario a new recorder, each time that the test runs."""
    if key := _key(item):
        _pack(item)
        item.stash[_recorder] = Recorder(key, _values(item), item.nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_bdd_after_step(request: pytest.FixtureRequest, step: BddStep, step_func: Callable[..., object]) -> None:
    """End a step that passed. Raises NotRunError if it returned an object that was never run."""
    try:
        check_run(request.node, step_func)
    except NotRunError as error:
        _end_step(request.node, step, Outcome.FAILED, f"{NotRunError.__name__}: {error}")
        raise
    _end_step(request.node, step, Outcome.PASSED)


def pytest_bdd_step_error(request: pytest.FixtureRequest, step: BddStep, exception: BaseException) -> None:
    """End a step that failed."""
    checks = (AssertionError, pytest.fail.Exception)
    asserted = isinstance(exception, checks) and not isinstance(exception, pytest.xfail.Exception)
    _end_step(request.node, step, Outcome.FAILED, f"{type(exception).__name__}: {exception}", asserted=asserted)


def pytest_bdd_step_func_lookup_error(request: pytest.FixtureRequest, step: BddStep, exception: Exception) -> None:
    """End a step that has no definition."""
    _end_step(request.node, step, Outcome.FAILED, str(exception))


def _end_step(item: pytest.Item, step: BddStep, outcome: Outcome, message: str = "", *, asserted: bool = False) -> None:
    template = cast("ScenarioTemplate", _template_of(item))
    scenario = _scenario(template, item.config.stash[_selection])
    # pytest-bdd gives `*` the type of the step before it, so the type comes from our own reader.
    type_ = next((one.type for one in scenario.steps if one.line == step.line_number), "")
    item.stash[_recorder].end_step(step.keyword, step.name, outcome, message, type=type_, asserted=asserted)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the result to the last report of a test, which the process that writes receives."""
    report = yield
    if collected := item.config.stash.get(_unsent, None):
        report.user_properties.append((_COLLECTED, collected.to_json()))
        del item.config.stash[_unsent]
    if recorder := item.stash.get(_recorder, None):
        if call.excinfo is not None:
            # The exception itself, as pytest reports an expected failure as skipped.
            skipped = call.excinfo.errisinstance(pytest.skip.Exception)
            outcome = Outcome.NOT_RUN if skipped else Outcome.FAILED
            reason = str(call.excinfo.value) if skipped else call.excinfo.exconly()
            recorder.end_phase(outcome, reason, teardown=call.when == "teardown")
        if call.when == "call":
            expect(report, recorder, item.config.stash[_selection].register)
        if call.when == "teardown":
            # All that were packed so far: a plugin that runs a test again may keep its earlier reports to itself.
            _pack(item)
            report.user_properties.append((_PROPERTY, json.dumps(item.stash[_parcels])))
    return report


def _pack(item: pytest.Item) -> None:
    """Pack the records of the last time that the test ran, if it ran."""
    packed = item.stash.setdefault(_parcels, [])
    recorder = item.stash.get(_recorder, None)
    template = _template_of(item)
    if recorder is None or template is None:
        return
    steps = [(step.keyword, step.name) for step in template.render(recorder.values).steps]
    packed.append(
        {
            "id": uuid4().hex,
            "result": cast("ResultJson", asdict(recorder.result(steps))),
            "pictures": {file: b64encode(png).decode() for file, png in recorder.pictures.items()},
        }
    )
    del item.stash[_recorder]


class _Writer:
    """Collects all results, and writes them at the end of the run; not part of a worker of xdist."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        # Computed before anything runs, so that a source that changes during the run makes the results stale.
        self._digest = digest(selection.config)
        self._results: dict[str, Result] = {}
        self._collected: Collected | None = None
        self._pictures: dict[str, bytes] = {}
        self._started: set[str] = set()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note that a test has started: if it ends without a result, its earlier result no longer counts."""
        self._started.add(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take results from a report that has some. The first report also says which tests were collected."""
        for name, value in report.user_properties:
            if name == _COLLECTED:
                self._collected = from_json(cast("str", value))
            elif name == _PROPERTY:
                for parcel in cast("list[_Parcel]", json.loads(cast("str", value))):
                    self._results[parcel["id"]] = replace(result_from_json(parcel["result"]), digest=self._digest)
                    self._pictures |= {file: b64decode(png) for file, png in parcel["pictures"].items()}

    def pytest_sessionfinish(self) -> None:
        """Write the results, also after an interrupted run."""
        if self._collected is None:
            return
        collected = self._collected.after(self._started, self._results.values())
        if self._results or collected.unfinished:
            spec = self._selection.spec
            write_evidence(spec, self._results.values(), self._pictures, collected)
            write_asked(spec, self._selection.edition, collected.asked)


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


def _values(item: pytest.Item) -> dict[str, str]:
    """The values of the example row of a test; empty without examples."""
    return cast("dict[str, str]", _params(item).get("_pytest_bdd_example", {}))


def _key(item: pytest.Item) -> Key | None:
    """The key of the result that a test gives; None for a test that is no scenario."""
    template = _template_of(item)
    if template is None:
        return None
    selection = item.config.stash[_selection]
    scenario = _scenario(template, selection)
    values = _values(item)
    row = scenario.examples.index(values) if values else 0
    return Key(selection.edition, cast("str", _params(item)["surface_name"]), scenario.id, row)


def excluded(item: pytest.Item) -> bool:
    """Whether the scenario of a test excludes its surface: then the test is collected, but never run."""
    key = _key(item)
    return key is not None and item.config.stash[_selection].spec.scenario(key.scenario).not_on(key.surface) is not None


def _scenario(template: ScenarioTemplate, selection: Selection) -> Scenario:
    """The scenario of the spec with the same id; raises CollectError if there is none."""
    ids = [tag.removeprefix("scenario:") for tag in template.tags if tag.startswith("scenario:")]
    if len(ids) != 1:
        raise pytest.Collector.CollectError(f"The scenario {template.name!r} needs exactly one tag @scenario:ID.")
    try:
        return selection.spec.scenario(ids[0])
    except SpecError as error:
        raise pytest.Collector.CollectError(str(error)) from error
