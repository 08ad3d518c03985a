"""What the acceptance run refuses before anything starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def collect(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRID_")}
    command = [sys.executable, "-m", "pytest", "tests/acceptance", "--collect-only", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *options], cwd=ROOT, env=kept | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("given", [{}, {"GRID_USER_ID": "ana"}, {"GRID_USER_ID": "ana", "GRID_API_KEY": ""}])
def test_another_server_needs_a_user(given: dict[str, str]) -> None:
    done = collect("--url", "http://127.0.0.1:9", **given)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: --url needs a user of that server: set GRID_USER_ID and GRID_API_KEY." in done.stderr


def test_another_executable_has_to_be_there() -> None:
    done = collect("--grid-cli", "/nope")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: --grid-cli: there is no executable /nope." in done.stderr


def test_software_without_a_server_is_left_out_unless_named() -> None:
    user = {"GRID_USER_ID": "ana", "GRID_API_KEY": "k"}
    rule = ("--url", "http://127.0.0.1:9", "--rule", "quota-freed")
    assert "cli-embedded" not in collect(*rule, **user).stdout
    assert "cli-embedded" in collect(*rule, "--surface", "cli-embedded", **user).stdout
