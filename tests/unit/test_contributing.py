"""The page for contributors: its picture is the import contract, and what it names exists."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from functools import cache
from pathlib import Path

import pytest

from guide import architecture

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "grid_datastores"
PAGE = (ROOT / "docs" / "contributing.md").read_text("utf-8")
NAMED = re.findall(r"`([\w/]+\.py):([\w.]+)`", PAGE)
STEP = re.compile(r"^\| `([\w/]+\.py):[\w.]+` \|", re.MULTILINE)


@pytest.mark.parametrize(("module", "name"), NAMED)
def test_what_the_page_names_exists(module: str, name: str) -> None:
    body = ast.parse((PACKAGE / module).read_text("utf-8")).body
    for part in name.split("."):
        (found,) = (
            node
            for node in body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == part
        )
        body = found.body


def test_a_delete_goes_one_way_through_the_rooms() -> None:
    """Below the service, which brings catalog, storage and rules together, their order is free."""
    depth = {room: number for number, layer in enumerate(architecture.layers()) for room in layer}
    walks = [STEP.findall(section) for section in PAGE.split("| Step | What it does |")[1:]]
    assert len(walks) == 2
    for walk in walks:
        rooms = [depth[module.partition("/")[0].removesuffix(".py")] for module in walk]
        steps = [min(room, depth["service"] + 1) for room in rooms]
        assert steps == sorted(steps)
        assert steps[-1] > depth["service"]


def test_the_picture_shows_every_room_of_the_contract_and_says_the_layers() -> None:
    picture = architecture.picture()
    for layer in architecture.layers():
        assert all(f">{room}</tspan>" in picture for room in layer)
    assert "From the top: entry; below it: cli;" in picture
    assert picture.count('class="dg-arrow"') == len(architecture.layers()) - 1


def test_the_table_says_what_each_room_is_for() -> None:
    rows = architecture.table().splitlines()[2:]
    assert len(rows) == sum(map(len, architecture.layers()))
    assert [row for row in rows if not re.fullmatch(r"\| `\w+` \| [A-Z].*\w.*\. \|", row)] == []


def test_the_files_that_the_page_names_exist() -> None:
    files = re.findall(r"`((?:tests|features|tools|src)/[\w./-]+)`", PAGE)
    assert files
    assert [file for file in files if not (ROOT / file).exists()] == []


@cache
def _made(target: str) -> str:
    """The commands that `make` would run for this target on a machine that is set up, after their stages."""
    command = ["make", "--dry-run", "--always-make", *shlex.split(target)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.proves("make-checks", reads=["Makefile"])
def test_make_checks_checks_what_the_page_lists() -> None:
    """`living-spec lint` looks at features, pages, proofs of sentences, known issues and steps."""
    made = _made("checks")
    for command in (
        "ruff check .",
        "ruff format --check .",
        "mypy",
        "lint-imports",
        "living-spec lint",
        "python tools/words.py",
        "python tools/names.py",
    ):
        assert f".venv/bin/{command}\n" in made, command


@pytest.mark.proves("make-docs-runs-proving-tests", reads=["Makefile"])
def test_make_docs_runs_the_tests_that_prove_facts_where_their_results_are_not_fresh() -> None:
    assert re.search(r"^\S+living-spec facts \|\| .*pytest .*-m proves$", _made("docs"), re.MULTILINE)
