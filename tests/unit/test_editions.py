"""The editions that code makes: each can be put in, and is an edition of the spec."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from acceptance import executables
from living_spec.config import find_config

ROOT = Path(__file__).parents[2]
EDITIONS = sorted(path.stem for path in (ROOT / "tests" / "editions").glob("[!_]*.py"))


def test_every_edition_of_code_is_one_of_the_spec() -> None:
    assert "shipped" in EDITIONS
    assert set(EDITIONS) <= set(find_config(ROOT).editions)


@pytest.mark.parametrize("name", EDITIONS)
def test_its_executable_is_a_grid_that_it_can_be_put_into(name: str, tmp_path: Path) -> None:
    """What it replaces has to be there, or the process ends before `grid` starts."""
    grid = executables.edition(name, tmp_path)
    assert grid
    done = subprocess.run([grid, "--help"], capture_output=True, text=True, check=True)
    assert "Usage: grid" in done.stdout


def test_an_edition_without_code_has_no_executable_of_its_own(tmp_path: Path) -> None:
    assert executables.edition("reference", tmp_path) is None
