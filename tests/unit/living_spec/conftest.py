"""Fixtures of the tests of living_spec."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from living_spec_project import FEATURE, LOAD, MKDOCS, PAGE, PYPROJECT, STEPS, Project

from forked import Forked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forked]:
    """What the commands of all tiny projects are forked from."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "docs/spec").mkdir(parents=True)
    (folder / "tests").mkdir()
    (folder / "features").mkdir()
    (folder / "features/deleting.feature").write_text(FEATURE, "utf-8")
    (folder / "pyproject.toml").write_text(PYPROJECT, "utf-8")
    (folder / "mkdocs.yml").write_text(MKDOCS, "utf-8")
    (folder / "theme").mkdir()
    with closing(Forked(LOAD, folder)) as process:
        yield process


@pytest.fixture
def project(tmp_path: Path, forked: Forked) -> Project:
    """A tiny project: two scenarios, two surfaces, two pages, nothing run yet."""
    return _new_project(tmp_path, forked)


@pytest.fixture(scope="session")
def proven_once(tmp_path_factory: pytest.TempPathFactory, forked: Forked) -> Project:
    """The tiny project after a run of everything; not to be changed."""
    project = _new_project(tmp_path_factory.mktemp("proven"), forked)
    done = project.pytest()
    assert done.code == 0, done.output
    return project


@pytest.fixture
def proven(proven_once: Project, tmp_path: Path) -> Project:
    """The tiny project after a run of everything."""
    return proven_once.copy(tmp_path)


def _new_project(root: Path, forked: Forked) -> Project:
    project = Project(root, forked)
    project.write("pyproject.toml", PYPROJECT)
    project.write("features/deleting.feature", FEATURE)
    project.write("tests/test_tiny.py", STEPS)
    project.write("mkdocs.yml", MKDOCS)
    project.write("theme/main.html", PAGE)
    project.write("docs/index.md", "# Tiny\n\n::: rule delete-one\n")
    project.write("docs/spec/deleting.md", "# Spec\n\n::: feature deleting\n")
    return project
