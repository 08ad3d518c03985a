"""Each rule's enforcement is found by its id: `grep -rn --include="*.py" "Enforces.*in-use-refused" src`."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from living_spec.config import find_config
from living_spec.spec import read_spec

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "grid_datastores"
RULES = set(read_spec(find_config(ROOT)).rules)
ENFORCES = re.compile(r"Enforces ((?:[a-z]+(?:-[a-z]+)+(?:, | and )?)+)")
MENTIONS = re.compile(r"\brules? ((?:[a-z]+(?:-[a-z]+)+(?:, | and )?)+)")
ID = re.compile(r"[a-z]+(?:-[a-z]+)+")


def _docstrings() -> Iterator[str]:
    """Those of functions and classes: a module enforces nothing."""
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield ast.get_docstring(node) or ""


def _ids(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    """Of each line for itself, as grep finds them."""
    for line in text.splitlines():
        for found in pattern.finditer(line):
            yield from ID.findall(found[1])


@pytest.mark.proves("rules-are-found-by-their-ids")
def test_every_rule_stands_where_it_is_enforced() -> None:
    enforced = {rule for text in _docstrings() for rule in _ids(ENFORCES, text)}
    assert sorted(RULES - enforced) == []


@pytest.mark.proves("rules-are-found-by-their-ids", reads=["README.md", "docs/contributing.md"])
@pytest.mark.parametrize("page", ["README.md", "docs/contributing.md"])
def test_the_command_of_a_page_finds_a_rule(page: str) -> None:
    [command] = re.findall(r"`(grep -rn [^`]+)`", (ROOT / page).read_text("utf-8"))
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert "src/grid_datastores/domain/rules.py:" in done.stdout


def test_the_sources_speak_of_no_other_rules() -> None:
    spoken = {
        rule
        for path in SOURCES.rglob("*.py")
        for pattern in (ENFORCES, MENTIONS)
        for rule in _ids(pattern, path.read_text("utf-8").replace("#", " "))
    }
    assert sorted(spoken - RULES) == []
