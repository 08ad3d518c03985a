"""The configuration: a key or a path that is mistyped is an error, not a check less."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from living_spec.config import SpecError, read_config
from living_spec.evidence import digest

if TYPE_CHECKING:
    from living_spec_project import Project

FILE = "pyproject.toml"
PROSE = """[tool.living-spec.prose]
pages = ["docs"]
bindings = "proofs"
tests = ["tests"]
factual = []

[tool.pytest.ini_options]"""
DIGEST = 'digest = ["features", "tests"]'


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (DIGEST, 'digest = ["features", "test"]', "'digest' names {root}/test, which does not exist."),
        (DIGEST, "digest = []", "'digest' is empty, so evidence would never be stale. Name the sources."),
        (DIGEST, 'digest = "features"', "'digest' must be a list of strings."),
        (DIGEST, "digest = [1]", "'digest' must be a list of strings."),
        (DIGEST, 'digest = ["../.."]', "'digest' names {root}/../.., which is outside the project."),
        (DIGEST, "", "'digest' is missing. It must be a list of strings."),
        ('features = "features"', 'features = "feature"', "'features' names {root}/feature, which does not exist."),
        ('features = "features"', 'features = "docs"', "'features' names {root}/docs, which has no .feature file."),
        (
            'features = "features"',
            f'features = "{FILE}"',
            "'features' must be a folder, but {root}/pyproject.toml is a",
        ),
        ('features = "features"', "features = 5", "'features' must be a string: a path."),
        ('tests = "tests"', 'tests = "test"', "'tests' names {root}/test, which does not exist."),
        ('tests = "tests"', 'test = "tests"', "has no key 'test'. Did you mean 'tests'? Correct or remove it."),
        ('pages = "docs"', 'pages = "doc"', "'pages' names {root}/doc, which does not exist."),
        ('pages = "docs"', 'pages = "docs"\nissues = "issue"', "'issues' names {root}/issue, which does not exist."),
        (
            'pages = "docs"',
            'pages = "docs"\ndefects = "no.json"',
            "'defects' names {root}/no.json, which does not exist.",
        ),
        ('api = "API"', "api = 1", "'api' must be a string: a name."),
        ('api = "API"', '"a/b" = "API"', "'a/b' is not a valid id. Use letters, digits, '-', '_' and '.'."),
        ('name = "Shipped"', "name = 1", "[tool.living-spec.editions.shipped] 'name' must be a string."),
        ('name = "Shipped"', "", "[tool.living-spec.editions.shipped] 'name' is missing. It must be a string."),
        ('name = "Shipped"', 'name = "S"\nnote = ""', "has no key 'note'."),
        ('spec = ["docs/spec"]', 'spec = ["spec"]', "'spec' names {root}/spec, which does not exist."),
        ('"docs"]', '"guide"]', "'pages' names {root}/guide, which does not exist."),
        ("factual = []", "fact = []", "'factual' is missing. It must be a list of strings."),
        ("factual = []", "factual = []\nfactul = []", "has no key 'factul'. Did you mean 'factual'? Correct or"),
        ("[tool.living-spec]", "[tool.living-spec", "is not valid TOML: "),
    ],
)
def test_a_mistake_in_the_configuration_is_one_sentence(project: Project, old: str, new: str, problem: str) -> None:
    project.change(FILE, "[tool.pytest.ini_options]", PROSE)
    project.change(FILE, old, new)
    with pytest.raises(SpecError) as raised:
        read_config(project.root)
    assert problem.format(root=project.root) in raised.value.message
    assert "\n" not in raised.value.message


def test_every_command_says_so(project: Project) -> None:
    project.change(FILE, DIGEST, 'digest = ["src"]')
    sentence = f"[tool.living-spec] 'digest' names {project.root}/src, which does not exist. Correct it in"
    run = project.pytest()
    assert (run.code, run.output.startswith(f"ERROR: {sentence}")) == (pytest.ExitCode.USAGE_ERROR, True), run.output
    for words in (["check"], ["lint"], ["report"], ["surfaces"], ["feed"], ["pictures"]):
        done = project.living_spec(*words)
        assert (done.code, done.output.startswith(f"Error: {sentence}")) == (1, True), done.output
    assert sentence in project.mkdocs().output


def test_the_features_and_the_tests_are_always_part_of_the_digest(project: Project) -> None:
    project.change(FILE, DIGEST, 'digest = ["pyproject.toml"]')
    before = digest(read_config(project.root))
    project.change("features/deleting.feature", "Deletion in full.", "Deletion.")
    changed = digest(read_config(project.root))
    assert changed != before
    project.change("tests/test_tiny.py", 'b"PNG"', 'b"NEW"')
    assert digest(read_config(project.root)) not in (before, changed)


def test_features_without_a_scenario_prove_nothing(project: Project) -> None:
    project.write("features/deleting.feature", "Feature: Deleting\n")
    done = project.living_spec("check")
    assert (done.code, done.output) == (
        1,
        "Error: The features have no scenario, so there is nothing to check. Add one.\n",
    )
