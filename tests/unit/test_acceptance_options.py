"""What the acceptance run refuses before anything starts, and which scenarios its options choose."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from forked import Forked
from living_spec.config import find_config
from living_spec.features import read_features

ROOT = Path(__file__).parents[2]
COLLECT = "import pytest, sys; sys.exit(pytest.main())"
ARGUMENTS = ("tests/acceptance", "--collect-only", "-q", "-p", "no:cacheprovider")

Collect = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def collect() -> Iterator[Collect]:
    """Collects the acceptance tests with these options and variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRID_")}
    # Loads pytest and its plugins, and ends before it collects.
    load = f"import pytest; pytest.main([*{ARGUMENTS!r}, '--grid-cli', '/nope'])"
    with closing(Forked(load, ROOT)) as forked:
        yield lambda *options, **variables: forked.run(
            COLLECT, *ARGUMENTS, *options, folder=ROOT, environment=kept | variables
        )


@pytest.mark.parametrize("given", [{}, {"GRID_USER_ID": "ana"}, {"GRID_USER_ID": "ana", "GRID_API_KEY": ""}])
def test_another_server_needs_a_user(collect: Collect, given: dict[str, str]) -> None:
    done = collect("--url", "http://127.0.0.1:9", **given)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: --url needs a user of that server: set GRID_USER_ID and GRID_API_KEY." in done.stderr


def test_another_executable_has_to_be_there(collect: Collect) -> None:
    done = collect("--grid-cli", "/nope")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: --grid-cli: there is no executable /nope." in done.stderr


def test_software_without_a_server_is_left_out_unless_named(collect: Collect) -> None:
    user = {"GRID_USER_ID": "ana", "GRID_API_KEY": "k"}
    rule = ("--url", "http://127.0.0.1:9", "--rule", "quota-freed")
    assert "cli-embedded" not in collect(*rule, **user).stdout
    assert "cli-embedded" in collect(*rule, "--surface", "cli-embedded", **user).stdout


@pytest.mark.proves("fast-run-takes-one-surface")
def test_one_surface_runs_every_scenario_once(collect: Collect) -> None:
    everywhere, once = _collected(collect()), _collected(collect("--one-surface"))
    assert sorted(once) == sorted(set(everywhere))
    assert len(once) < len(everywhere)


def test_of_every_rule_a_scenario_is_typed_on_every_surface(collect: Collect) -> None:
    config = find_config(ROOT)
    rules = [rule for feature in read_features(config.features) for rule in feature.rules]
    wanted = sum(
        any(one.not_on(surface) is None for one in rule.scenarios) for rule in rules for surface in config.surfaces
    )
    assert len(_collected(collect("-m", "typed"))) == wanted


def _collected(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The scenarios that were chosen, with the row of their examples, without the surface."""
    ids = re.findall(r"^\S+::(.+)\[(?:api|cli-embedded|cli|ui)(-.+)?\]$", done.stdout, re.MULTILINE)
    assert ids, done.stdout + done.stderr
    return [name + row for name, row in ids]
