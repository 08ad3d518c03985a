"""What the acceptance run refuses before anything starts, and which scenarios its options choose."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from forked import Forked
from living_spec.config import find_config
from living_spec.features import read_features
from living_spec.issues import read_register
from living_spec.spec import read_spec

ROOT = Path(__file__).parents[2]
COLLECT = "import pytest, sys; sys.exit(pytest.main())"
ARGUMENTS = ("tests/acceptance", "--collect-only", "-q", "-p", "no:cacheprovider")

Collect = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def collect() -> Iterator[Collect]:
    """Collects the acceptance tests with these options and variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRID_")}
    load = f"import pytest; pytest.main([*{ARGUMENTS!r}, '--rule=quota-freed'])"
    with closing(Forked(load, ROOT)) as forked:
        yield lambda *options, **variables: forked.run(
            COLLECT, *ARGUMENTS, *options, folder=ROOT, environment=kept | variables
        )


@pytest.mark.proves("run-needs-a-user")
@pytest.mark.parametrize("given", [{}, {"GRID_USER_ID": "ana"}, {"GRID_USER_ID": "ana", "GRID_API_KEY": ""}])
def test_another_server_needs_a_user(collect: Collect, given: dict[str, str]) -> None:
    done = collect("--url", "http://127.0.0.1:9", **given)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: --url needs a user of that server: set GRID_USER_ID and GRID_API_KEY." in done.stderr


def test_another_executable_has_to_be_there(collect: Collect) -> None:
    done = collect("--grid-cli", "/nope")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: --grid-cli: there is no executable /nope." in done.stderr


@pytest.mark.proves("surfaces-of-a-run")
def test_software_without_a_server_is_left_out_unless_named(collect: Collect) -> None:
    user = {"GRID_USER_ID": "ana", "GRID_API_KEY": "k"}
    rule = ("--url", "http://127.0.0.1:9", "--rule", "quota-freed")
    assert _surfaces(collect(*rule, **user)) == {"api", "cli", "ui"}
    assert _surfaces(collect(*rule, "--surface", "api", "--surface", "cli", **user)) == {"api", "cli"}
    assert _surfaces(collect(*rule, "--surface", "cli-embedded", **user)) == {"cli-embedded"}


@pytest.mark.proves("rule-and-issue-select-scenarios")
def test_a_rule_or_an_issue_selects_its_scenarios(collect: Collect) -> None:
    config = find_config(ROOT)
    [rule] = [rule for one in read_features(config.features) for rule in one.rules if rule.id == "quota-freed"]
    assert set(_collected(collect("--rule", "quota-freed"))) == {_function(one.name) for one in rule.scenarios}
    spec = read_spec(config)
    issue = read_register(spec).issues[0]
    wanted = {_function(spec.scenario(id_.partition("/")[0]).name) for id_ in issue.scenarios}
    assert {name.partition("-")[0] for name in _collected(collect("--issue", issue.id))} == wanted


@pytest.mark.proves("own-grid-by-default")
def test_without_an_executable_it_is_the_projects_own(grid: str) -> None:
    assert Path(grid) == Path(sys.executable).parent / "grid"


@pytest.mark.proves("make-test-fast")
def test_one_surface_runs_every_scenario_once(collect: Collect) -> None:
    """On the fastest: the API is only asked where there is no scenario without a server, and the UI last."""
    everywhere, on_one = collect(), collect("--one-surface")
    once = _collected(on_one)
    assert sorted(once) == sorted(set(_collected(everywhere)))
    assert len(once) < len(_collected(everywhere))
    chosen, others = _by_surface(on_one), _by_surface(everywhere)
    assert chosen["cli-embedded"] == others["cli-embedded"]
    assert chosen["api"] == others["api"] - others["cli-embedded"]
    assert chosen["ui"] == others["ui"] - others["cli-embedded"] - others["api"] - others["cli"]


def test_of_every_rule_a_scenario_is_typed_on_every_surface(collect: Collect) -> None:
    config = find_config(ROOT)
    rules = [rule for feature in read_features(config.features) for rule in feature.rules]
    wanted = sum(
        any(one.not_on(surface) is None for one in rule.scenarios) for rule in rules for surface in config.surfaces
    )
    assert len(_collected(collect("-m", "typed"))) == wanted


@pytest.mark.proves("some-scenarios-on-one-surface", reads=["README.md"])
def test_the_command_of_the_readme_chooses_some_scenarios_of_one_surface(collect: Collect) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    [command] = re.findall(r"`\.venv/bin/pytest tests/acceptance (--surface [^`]+)`", readme)
    done = collect(*shlex.split(command))
    assert _surfaces(done) == {"cli"}
    paused = _function("A paused Session keeps the version, and can be resumed")
    assert {name.partition("-")[0] for name in _collected(done)} == {paused}


@pytest.mark.proves("suite-uses-the-v1-api")
def test_the_surface_of_the_api_asks_for_paths_of_the_v1_api() -> None:
    """And for operations of Grid that its description has."""
    text = (ROOT / "tests/acceptance/surfaces/api.py").read_text("utf-8")
    asked = set(re.findall(r'(?:"[A-Z]+",|return) f?"(/[^"]*)"', text))
    contract = json.loads((ROOT / "tests/reliability/grid-v1-openapi.json").read_text("utf-8"))["paths"]
    assert [path for path in asked if not path.startswith("/v1/")] == []
    described = {re.sub(r"{[^}]*}", "{}", path) for path in contract}
    known = {re.sub(r"{[^}]*}", "{}", path) for path in asked}
    assert known & described >= {"/v1/core/sessions", "/v1/core/{}/datastores", "/v1/core/sessions/{}"}


def _function(scenario: str) -> str:
    """The test that pytest-bdd makes of a scenario of this name."""
    return f"test_{re.sub(r'[^a-z0-9]+', '_', scenario.lower())}"


def _by_surface(done: subprocess.CompletedProcess[str]) -> dict[str, set[str]]:
    """The scenarios of each surface, with the row of their examples."""
    found = re.findall(r"^\S+::(.+)\[(api|cli-embedded|cli|ui)(-.+)?\]$", done.stdout, re.MULTILINE)
    surfaces = ("cli-embedded", "api", "cli", "ui")
    return {surface: {name + row for name, on, row in found if on == surface} for surface in surfaces}


def _surfaces(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(re.findall(r"\[(api|cli-embedded|cli|ui)[-\]]", done.stdout))


def _collected(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The scenarios that were chosen, with the row of their examples, without the surface."""
    ids = re.findall(r"^\S+::(.+)\[(?:api|cli-embedded|cli|ui)(-.+)?\]$", done.stdout, re.MULTILINE)
    assert ids, done.stdout + done.stderr
    return [name + row for name, row in ids]


@pytest.mark.proves("debug-commands", reads=["docs/contributing.md"])
def test_the_commands_of_the_page_for_contributors_choose_what_they_say(collect: Collect) -> None:
    page = (ROOT / "docs/contributing.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| (.*?) \| `(?:PWDEBUG=1 )?\.venv/bin/pytest tests/acceptance ([^`]+)` \|$", page, re.M))
    one, rule, browser = (collect(*shlex.split(command)) for command in rows.values())
    assert [words.partition(",")[0] for words in rows] == [
        "run one scenario on one surface",
        "run the scenarios of a rule",
        "watch the browser",
    ]
    paused = _function("A paused Session keeps the version, and can be resumed")
    for done, surface in ((one, "cli"), (browser, "ui")):
        assert _surfaces(done) == {surface}
        assert {name.partition("-")[0] for name in _collected(done)} == {paused}
    scenarios = read_spec(find_config(ROOT)).rule("in-use-paused").scenarios
    assert set(_collected(rule)) == {_function(scenario.name) for scenario in scenarios}


@pytest.mark.proves("pdb-stops-where-it-fails")
def test_pytest_stops_where_a_scenario_fails(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it():\n    here = 5\n    assert here == 6\n")
    command = [sys.executable, "-m", "pytest", "--pdb", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-q"]
    done = subprocess.run(command, cwd=tmp_path, input="p here * 11\nq\n", capture_output=True, text=True)
    assert "entering PDB" in done.stdout
    assert "(Pdb) 55" in done.stdout
