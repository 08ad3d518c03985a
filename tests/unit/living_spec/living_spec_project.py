"""A tiny project on disk, to run pytest, mkdocs and living-spec on for real."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from living_spec.config import read_config
from living_spec.store import read_proof

if TYPE_CHECKING:
    from pathlib import Path

    from forked import Forked
    from living_spec.results import Proof

PYPROJECT = """
[tool.living-spec]
features = "features"
tests = "tests"
pages = "docs"
spec = ["docs/spec"]
evidence = "build/evidence"
digest = ["features", "tests"]

[tool.living-spec.surfaces]
api = "API"
cli = "CLI"

[tool.living-spec.editions.reference]
name = "Reference"
description = "The shelf as it should be."

[tool.living-spec.editions.shipped]
name = "Shipped"
description = "The shelf with its bugs."

[tool.pytest.ini_options]
testpaths = ["tests"]
addopts = ["--strict-markers", "--strict-config", "-p", "living_spec.pytest_plugin", "-p", "no:cacheprovider"]
filterwarnings = ["error"]
bdd_features_base_dir = "features"
"""

FEATURE = """
Feature: Deleting

  Deletion in full.

  Background:
    Given a shelf

  @rule:delete-one
  Rule: Deleting an item deletes that item and no other

    Why: the others are still needed.

    @scenario:delete-two
    Scenario: Delete two of four
      When item "1" is deleted
      Then these are left
        | item |
        | <2>  |

    @scenario:delete-each
    Scenario Outline: Delete each
      Not on api: the API has no loop.

      When item "<item>" is deleted
      Then it is gone

      Examples:
        | item |
        | a    |
        | b    |
"""

STEPS = r"""
from pytest_bdd import given, parsers, scenarios, then, when

scenarios("deleting.feature")


@given("a shelf", target_fixture="shelf")
def _(surface_name, edition, evidence):
    evidence.rename("shelf-8f3a", "shelf")
    return f"{surface_name} of {edition}"


@when(parsers.parse('item "{item}" is deleted'))
def _(shelf, item, evidence):
    evidence.transcript(f"rm shelf-8f3a/{item}", f"\x1b[31m{shelf}\x1b[0m", 0 if item == "1" else 3)
    evidence.exchange("DELETE", "/shelf-8f3a", "", 409, '{"why": "held"}')


@then("it is gone")
def _():
    pass


@then("these are left")
def _(datatable, evidence):
    evidence.screenshot("shelf", b"PNG")
"""

MKDOCS = """
site_name: Tiny
theme: {name: null, custom_dir: theme}
markdown_extensions:
  - admonition
  - attr_list
  - md_in_html
  - tables
  - toc
  - pymdownx.details
  - pymdownx.highlight
  - pymdownx.superfences
  - pymdownx.tabbed: {alternate_style: true}
  - living_spec.markdown
validation:
  anchors: warn
  links: {absolute_links: relative_to_docs}
"""

PAGE = "<!doctype html><meta charset=utf-8><title>{{ page.title }}</title><article>{{ page.content }}</article>"

ISSUE = """---
id: loses-two
title: The second item goes, too
status: open
editions: [reference]
surfaces: [cli]
scenarios: [delete-two]
since: 2026-03-01
workaround: Use the API.
---

# The second item goes, too

::: known-issue loses-two
"""


# Loads what the commands need, in a project without tests: pytest first, as it rewrites the plugins that it loads.
LOAD = """
import pytest

assert pytest.main(["--quiet", "--quiet"]) == pytest.ExitCode.NO_TESTS_COLLECTED

from mkdocs.__main__ import build_command
from mkdocs.config import load_config
from living_spec.cli import main

load_config("mkdocs.yml")
"""

_PYTEST = "import pytest, sys; sys.exit(pytest.main())"
_MKDOCS = "from mkdocs.__main__ import cli; cli()"
_LIVING_SPEC = "from living_spec.cli import main; main()"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    output: str


@dataclass(frozen=True)
class Project:
    """The project in a folder, and what its commands are forked from."""

    root: Path
    forked: Forked

    def copy(self, root: Path) -> Project:
        """A copy in another folder."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        return Project(root, self.forked)

    def write(self, path: str, text: str) -> None:
        """Write one of its files."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, "utf-8")

    def change(self, path: str, old: str, new: str) -> None:
        """Replace a part of one of its files, which must be there."""
        text = (self.root / path).read_text("utf-8")
        assert old in text
        self.write(path, text.replace(old, new))

    def drop_tests(self) -> None:
        """Configure no tests, so that `living-spec lint` starts no process that collects their steps."""
        self.change("pyproject.toml", 'tests = "tests"\n', "")

    def pytest(self, *arguments: str) -> Done:
        """Run its tests."""
        return self._run(_PYTEST, "-q", *arguments)

    def mkdocs(self, *arguments: str) -> Done:
        """Build its site, with the pictures beside its pages."""
        self.living_spec("pictures")
        return self._run(_MKDOCS, "build", *arguments)

    def living_spec(self, *words: str) -> Done:
        """Run `living-spec`."""
        return self._run(_LIVING_SPEC, *words)

    def proof(self) -> Proof:
        """What the evidence on disk shows."""
        return read_proof(read_config(self.root))

    def evidence(self, path: str) -> list[dict[str, object]]:
        """The results in one file of evidence, as JSON."""
        file = self.root / "build/evidence" / path
        results: list[dict[str, object]] = json.loads(file.read_text("utf-8"))["results"]
        return results

    def _run(self, code: str, *arguments: str) -> Done:
        done = self.forked.run(code, *arguments, folder=self.root)
        return Done(done.returncode, done.stdout + done.stderr)
