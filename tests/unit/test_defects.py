"""The catalogue of defects: each can be put in, changes public seams only, and was noticed as it stands now."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from defects import freshness, run, use, versions
from defects.catalogue import CATALOGUE, Defect
from grid_datastores.domain import rules
from grid_datastores.service import deletion
from living_spec.config import find_config
from living_spec.evidence import Key, Outcome, Result, StepEvidence
from living_spec.spec import read_spec

ROOT = Path(__file__).parents[2]
SPEC = read_spec(find_config(ROOT))
SOURCES = sorted(path for folder in ("defects", "editions") for path in (ROOT / "tests" / folder).glob("*.py"))


# The files that define defects; the others are about them.
DEFECTS = [path for path in SOURCES if re.search(r"^@(defect|untrue)\(", path.read_text("utf-8"), re.MULTILINE)]


BY_ID = {defect.id: defect for defect in CATALOGUE}


def private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


@pytest.mark.proves("every-rule-has-a-defect")
def test_every_rule_has_a_defect_and_every_defect_a_rule() -> None:
    assert {defect.rule for defect in CATALOGUE} == set(SPEC.rules)
    assert len({defect.id for defect in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("defect", CATALOGUE, ids=lambda defect: defect.id)
def test_every_defect_can_be_put_in(defect: Defect, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it changes has to exist."""
    replaced: list[str] = []

    def put(owner: object, name: str, value: object) -> None:
        assert value is not getattr(owner, name)
        replaced.append(name)
        monkeypatch.setattr(owner, name, value)

    defect.apply(put)
    assert replaced


@pytest.mark.parametrize("defect", CATALOGUE, ids=lambda defect: defect.id)
def test_every_seam_is_public_and_named_where_it_is_defined(defect: Defect) -> None:
    for change in defect.changes():
        module, _, path = change.seam.partition(":")
        assert not [name for name in [*module.split("."), *path.split(".")] if private(name)], change.seam
        if isinstance(change.owner, ModuleType | type) and isinstance(change.original, FunctionType):
            assert (change.original.__module__, change.original.__qualname__) == (module, path)


def _members(trees: Iterable[ast.AST]) -> set[str]:
    """The names of what classes define."""
    names: set[str] = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def _exposed(tree: ast.AST) -> set[str]:
    """The arguments that `expose` makes attributes."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "expose")
    return {node.args[1].value for node in calls if isinstance(node.args[1], ast.Constant)}


@pytest.mark.parametrize("path", DEFECTS, ids=lambda path: path.stem)
def test_what_a_defect_uses_of_an_object_exists(path: Path) -> None:
    """A call of what has gone breaks the software in another way than the defect says."""
    tree = ast.parse(path.read_text("utf-8"))
    used = {
        (node.lineno, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "tx")
    }
    sources = (ast.parse(file.read_text("utf-8")) for file in (ROOT / "src/grid_datastores").rglob("*.py"))
    known = _members([tree, *sources]) | _exposed(tree)
    assert sorted((line, name) for line, name in used if name not in known) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_defect_and_no_edition_uses_a_private_attribute(path: Path) -> None:
    """So that what is behind the public names can be rewritten without them."""
    tree = ast.parse(path.read_text("utf-8"))
    used = {(node.lineno, node.attr) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {
        (node.lineno, one.name) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for one in node.names
    }
    used |= {
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert sorted((line, name) for line, name in used if private(name) and name.isidentifier() and name != "_") == []


def test_a_function_is_replaced_wherever_it_was_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    original = rules.check_deletable
    BY_ID["holders-ignored"].apply(monkeypatch.setattr)
    assert deletion.check_deletable is rules.check_deletable is not original
    monkeypatch.undo()
    assert deletion.check_deletable is rules.check_deletable is original


@pytest.mark.proves("results-are-of-the-last-try")
def test_trying_one_leaves_what_was_seen_of_the_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = CATALOGUE[:2]
    old = {"caught": ["api"], "missed": [], "seen": "2026-03-01", "digest": "old"}
    file = tmp_path / "noticed.json"
    file.write_text(json.dumps({"defects": [{"id": one.id, **old} for one in (first, second)]}), "utf-8")
    monkeypatch.setattr(run, "NOTICED", file)
    monkeypatch.setattr(run, "failing_surfaces", lambda defect: {"cli": 1})
    assert run.main([second.id]) == 0
    tried = {one["id"]: one for one in json.loads(file.read_text("utf-8"))["defects"]}
    assert tried[first.id] == {"id": first.id, "rule": first.rule, "what": first.what, **old}
    assert tried[second.id]["caught"] == ["cli"]
    assert tried[second.id]["digest"] == freshness.digest(second, SPEC.rule(second.rule))
    assert tried[second.id]["seen"] > old["seen"]


@pytest.mark.proves("changed-defect-is-tried-again")
def test_a_result_is_fresh_until_the_defect_its_scenarios_or_a_seam_change(monkeypatch: pytest.MonkeyPatch) -> None:
    defect = BY_ID["quota-ignored"]
    rule = SPEC.rule(defect.rule)
    digest = freshness.digest(defect, rule)

    def elsewhere(quota: str, unused: list[str]) -> bool:
        """Whatever it does behind its parameters."""
        return not quota

    monkeypatch.setattr(rules, "check_quota", elsewhere)
    prose = replace(rule, sentence="Other words", scenarios=tuple(replace(one, name="") for one in rule.scenarios))
    assert freshness.digest(replace(defect, what="other words"), prose) == digest
    monkeypatch.setattr(rules, "check_quota", lambda quota: None)
    assert freshness.digest(defect, rule) != digest, "a seam has other parameters"
    monkeypatch.undo()
    first, *others = rule.scenarios
    shorter = replace(rule, scenarios=(replace(first, steps=first.steps[:-1]), *others))
    assert freshness.digest(defect, shorter) != digest, "a step has gone"
    assert freshness.digest(replace(defect, surfaces=("api",)), rule) != digest, "another surface"
    other = BY_ID["newest-offered-first"].changes
    assert freshness.digest(replace(defect, changes=other), rule) != digest, "it does something else"


def test_the_code_of_a_defect_includes_the_helpers_that_it_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    defect = BY_ID["refusal-erases"]
    digest = freshness.digest(defect, SPEC.rule(defect.rule))
    monkeypatch.setattr(use, "after_refusal", versions.before_create)
    assert freshness.digest(defect, SPEC.rule(defect.rule)) != digest


@pytest.mark.proves("defect-is-noticed-where-a-scenario-fails")
def test_a_surface_notices_a_defect_if_a_scenario_of_its_rule_fails_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The run itself is done by hand here; it gets one defect, put into `grid`, and the scenarios of its rule."""
    defect = BY_ID["quota-ignored"]
    asked: list[str] = []

    def ran(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        option = dict(pairwise(command))
        asked.extend([option["--rule"], Path(option["--grid-cli"]).read_text("utf-8")])
        for surface, outcomes in (
            ("api", (Outcome.PASSED, Outcome.PASSED)),
            ("cli", (Outcome.PASSED, Outcome.FAILED)),
        ):
            results = [asdict(_result(surface, row, outcome)) for row, outcome in enumerate(outcomes, 1)]
            path = Path(option["--evidence"]) / "reference" / surface / "one.json"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps({"results": results}), "utf-8")
        return subprocess.CompletedProcess(command, 1, "", "")

    monkeypatch.setattr(run.subprocess, "run", ran)
    monkeypatch.setattr(run, "NOTICED", tmp_path / "noticed.json")
    assert run.main([defect.id]) == 1
    assert capsys.readouterr().out == f"{defect.rule}: {defect.id}: MISSED on api\n"
    assert asked[0] == defect.rule
    assert re.findall(r"^apply\('(.*)'\)$", asked[1], re.MULTILINE) == [defect.id]
    [tried] = json.loads((tmp_path / "noticed.json").read_text("utf-8"))["defects"]
    assert (tried["caught"], tried["missed"]) == (["cli"], ["api"])


def _result(surface: str, row: int, outcome: Outcome) -> Result:
    checked = StepEvidence("Then", "it is", outcome, "", (), "Outcome", asserted=outcome is Outcome.FAILED)
    return Result(Key("reference", surface, "one", row), {}, outcome, "", "", 0.0, (checked,))


def test_an_unknown_defect_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(run, "failing_surfaces", lambda defect: pytest.fail(defect.id))
    assert run.main(["no-such", CATALOGUE[0].id]) == 2
    assert capsys.readouterr().err == "There is no defect no-such; tests/defects has them all.\n"


def test_the_digest_of_the_evidence_covers_what_decides_results() -> None:
    covered = {path.relative_to(ROOT).as_posix() for path in find_config(ROOT).digest}
    assert {"src/living_spec", "tests/conftest.py", "tests/browser.py", "requirements.lock"} <= covered
    assert all(path.exists() for path in find_config(ROOT).digest)


@pytest.mark.proves("changed-defect-is-tried-again")
def test_every_defect_was_tried_as_it_stands_now() -> None:
    """`make defects` tries all in half an hour; a single one takes a minute."""
    stale = run.stale(SPEC)
    assert not stale, f"Changed since they were tried, or new. Try them: make defects DEFECTS='{' '.join(stale)}'"


def test_every_defect_was_noticed() -> None:
    tried = run.read_noticed().values()
    assert [one["id"] for one in tried if one["id"] not in BY_ID] == []
    for one in tried:
        assert (one["rule"], one["what"]) == (BY_ID[one["id"]].rule, BY_ID[one["id"]].what)
    assert [one["id"] for one in tried if one["missed"] or not one["caught"]] == []
