"""What the acceptance run refuses before anything starts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from forked import Forked

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
