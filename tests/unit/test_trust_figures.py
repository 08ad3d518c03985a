"""The figures of the page "How it is tested": written by the runs, with the day and the sources that they speak of."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from acceptance.server import Credentials, ServerProcess
from guide import tested
from trust import __main__ as runner
from trust import contract, figures_file
from trust.acknowledged import LOST, RESURRECTED
from trust.attack import Attack, Figures
from trust.catalogue import ATTACKS, BY_NAME

ROOT = Path(__file__).parents[2]
_SEED = 7


def _run(budget: int, seed: int) -> Figures:
    figures = Figures()
    figures.count("tries", budget)
    if budget == 1:
        figures.fault("faults", f"one with the seed {seed}")
    return figures


ATTACK = Attack("example", "An example", "tries", ("faults",), _run, bounded=2, long=4)


@pytest.fixture
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of figures, in a folder of its own."""
    path = tmp_path / "figures.json"
    monkeypatch.setattr(tested, "FIGURES", path)
    monkeypatch.setattr(figures_file, "FIGURES", path)
    monkeypatch.setattr(runner, "_PARTS", tmp_path / "parts")
    return path


def _here(monkeypatch: pytest.MonkeyPatch, budget: int) -> None:
    """Run parts in this process, with this budget."""

    def run_parts(folder: Path, waiting: list[tuple[Attack, int]], _processes: int) -> bool:
        for attack, number in waiting:
            part = runner._file(folder, attack, number)
            runner._run_one(attack, budget, _SEED, part.with_suffix(".new"))
            runner._report(folder, attack, number)
        return False

    monkeypatch.setattr(runner, "_run_parts", run_parts)
    monkeypatch.setitem(BY_NAME, ATTACK.name, ATTACK)


@pytest.mark.proves("runs-write-the-figures")
def test_a_run_writes_the_figures_that_the_page_shows(
    figures: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _here(monkeypatch, 4)
    assert runner._run_all([ATTACK], 1) == 0
    (seen,) = json.loads(figures.read_text()).values()
    assert seen["runs"] == [{"budget": 4, "seed": _SEED, "seconds": 0.0}]
    assert (
        f"| An example<br>`make trust ATTACKS=example` | 4 tries<br>{tested.whole(seen['day'])} | 0 faults |"
        in tested.attacks()
    )
    assert "older code" not in tested.attacks()
    monkeypatch.setattr(tested, "sources_digest", lambda: "other")
    assert f"The sources have changed since {seen['day']}." in tested.attacks()


def test_the_page_begins_with_the_sum_of_the_attacks(figures: Path) -> None:
    """It names a kind of fault only if an attack looked for it."""
    assert tested.summary() == "No long run has been made yet, so this page has no figures.\n"
    assert tested.attacks() == ""
    kinds = {LOST: 0, RESURRECTED: 2, "wrong answers": 1}
    kills = {"unit": "kills", "never": list(kinds), "counts": {"kills": 1500, "available": 3, **kinds}}
    figures.write_text(json.dumps({"kills": kills}))
    assert tested.summary() == "1 attack found **0 lost, 2 resurrected and 1 other fault** in 1,500 kills.\n"
    access = {"unit": "requests", "never": ["undocumented 5xx"], "counts": {"requests": 900}}
    figures.write_text(json.dumps({"kills": kills | {"counts": {"kills": 1}}, "access": access, "again": access}))
    found = "0 lost, 0 resurrected, 0 undocumented 5xx and 0 other faults"
    assert tested.summary() == f"3 attacks found **{found}** in 1 kill and 1,800 requests.\n"


def test_the_kinds_of_faults_that_the_sum_names_are_looked_for() -> None:
    kinds = {kind for attack in ATTACKS for kind in attack.never}
    assert set(tested._NAMED) <= kinds
    assert {LOST, RESURRECTED} <= set(tested._NAMED)


@pytest.mark.proves("check-of-schemathesis-left-out")
def test_one_check_of_schemathesis_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = cast("ServerProcess", SimpleNamespace(add_user=lambda _name: Credentials("ana", "key"), url="http://x"))
    asked: list[str] = []

    def run(command: list[str], **_: object) -> None:
        asked.extend(command)
        raise InterruptedError

    monkeypatch.setattr(contract.subprocess, "run", run)
    with pytest.raises(InterruptedError):
        contract._round(Figures(), tmp_path, server, _SEED, whole=True)
    options = dict(pairwise(asked))
    assert (options["--checks"], options["--exclude-checks"]) == ("all", "positive_data_acceptance")


@pytest.mark.proves("answers-that-schemathesis-does-not-know")
def test_two_answers_count_as_refusals_that_schemathesis_does_not_know() -> None:
    checks = ("ignored_auth", "negative_data_rejection", "not_a_server_error")
    known = {(check, status) for check in checks for status in range(200, 600) if contract._is_known(check, status)}
    assert known == {("ignored_auth", 429), ("negative_data_rejection", 413)}


@pytest.mark.proves("failed-attack-says-how-to-repeat-it")
def test_a_run_that_finds_a_fault_says_how_to_repeat_it_and_is_run_again(
    figures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _here(monkeypatch, 1)
    runner._run_all([ATTACK], 1)
    said = capsys.readouterr().out
    assert f"faults: one with the seed {_SEED}" in said
    assert f"To repeat it: make trust ATTACKS=example BUDGET=1 SEED={_SEED}" in said
    assert json.loads(figures.read_text()) == {}
    _here(monkeypatch, 4)
    assert runner._run_all([ATTACK], 1) == 0
    assert json.loads(figures.read_text())["example"]["faults"] == []


@pytest.mark.proves("every-attack-is-in-the-gate")
def test_every_attack_has_a_bounded_test() -> None:
    source = (ROOT / "tests" / "trust" / "test_bounded.py").read_text()
    for attack in ATTACKS:
        assert f'"{attack.name}"' in source
        assert 0 < attack.bounded < attack.long


@pytest.mark.proves("make-trust-runs-all", reads=["Makefile"])
def test_make_trust_runs_all_attacks_with_the_long_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\ntrust: setup\n")[2].partition("\n\n")[0]
    assert "-m trust $(ATTACKS)" in recipe
    ran: list[Attack] = []
    monkeypatch.setattr(runner, "_run_all", lambda attacks, _processes: ran.extend(attacks))
    runner.main([])
    assert ran == list(ATTACKS)
    assert sum(attack.long for attack in ATTACKS if attack.unit == "kills") >= 500
    assert sum(attack.long for attack in ATTACKS if attack.unit == "operations") >= 100_000
    assert sum(attack.long for attack in ATTACKS if attack.unit == "cases") >= 10_000
