"""Fixtures of the tests of living_spec."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from living_spec_project import FEATURE, MKDOCS, PYPROJECT, STEPS, Project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A tiny project: two scenarios, two surfaces, two pages, nothing run yet."""
    return _new_project(tmp_path)


@pytest.fixture(scope="session")
def proven_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny project after a run of everything; not to be changed."""
    project = _new_project(tmp_path_factory.mktemp("proven"))
    done = project.pytest()
    assert done.code == 0, done.output
    return project


@pytest.fixture
def proven(proven_once: Project, tmp_path: Path) -> Project:
    """The tiny project after a run of everything."""
    shutil.copytree(proven_once.root, tmp_path, dirs_exist_ok=True)
    return Project(tmp_path)


def _new_project(root: Path) -> Project:
    project = Project(root)
    project.write("pyproject.toml", PYPROJECT)
    project.write("features/deleting.feature", FEATURE)
    project.write("tests/test_tiny.py", STEPS)
    project.write("mkdocs.yml", MKDOCS)
    project.write("docs/index.md", "# Tiny\n\n::: rule delete-one\n")
    project.write("docs/spec/deleting.md", "# Spec\n\n::: feature deleting\n")
    return project
