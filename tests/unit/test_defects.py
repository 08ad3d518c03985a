"""The catalogue of defects: each can be put in, and every rule has one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from defects import run
from defects.catalogue import CATALOGUE, Defect
from defects.run import NOTICED
from living_spec.config import find_config
from living_spec.evidence import digest
from living_spec.spec import read_spec

ROOT = Path(__file__).parents[2]
RULES = set(read_spec(find_config(ROOT)).rules)


def test_every_rule_has_a_defect_and_every_defect_a_rule() -> None:
    assert {defect.rule for defect in CATALOGUE} == RULES
    assert len({defect.id for defect in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("defect", CATALOGUE, ids=lambda defect: defect.id)
def test_every_defect_can_be_put_in(defect: Defect) -> None:
    """In a process of its own; what it replaces has to be there."""
    start = f"from defects.catalogue import CATALOGUE; next(d for d in CATALOGUE if d.id == {defect.id!r}).apply()"
    done = subprocess.run([sys.executable, "-c", start], cwd=ROOT / "tests", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


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
    assert tried[second.id]["digest"] == digest(find_config(ROOT))
    assert tried[second.id]["seen"] > old["seen"]


def test_an_unknown_defect_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(run, "failing_surfaces", lambda defect: pytest.fail(defect.id))
    assert run.main(["no-such", CATALOGUE[0].id]) == 2
    assert capsys.readouterr().err == "There is no defect no-such; tests/defects has them all.\n"


def test_the_digest_covers_what_decides_results() -> None:
    covered = {path.relative_to(ROOT).as_posix() for path in find_config(ROOT).digest}
    assert {"src/living_spec", "tests/conftest.py", "tests/browser.py", "requirements.lock"} <= covered
    assert all(path.exists() for path in find_config(ROOT).digest)


def test_what_was_noticed_speaks_of_this_catalogue_and_misses_nothing() -> None:
    """`make defects` writes it, and takes half an hour; a new defect alone is tried in a minute."""
    tried = json.loads(NOTICED.read_text("utf-8"))["defects"]
    known = [(defect.id, defect.rule, defect.what) for defect in CATALOGUE]
    assert [one["id"] for one in tried if (one["id"], one["rule"], one["what"]) not in known] == []
    untried = {defect.id for defect in CATALOGUE} - {one["id"] for one in tried}
    assert not untried, f"Not tried yet: make defects DEFECTS='{' '.join(sorted(untried))}'"
    assert [one["id"] for one in tried if one["missed"] or not one["caught"]] == []
