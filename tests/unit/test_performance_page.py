"""The page "Performance": what `make bench` measured, which row is missed, and what is behind each figure."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from lxml import etree

from guide import performance

ROOT = Path(__file__).parents[2]
_BENCHMARKS = ROOT / "tests" / "benchmarks"
_MODULES = {path.stem for path in _BENCHMARKS.glob("*.py")}
_MACHINE = {"processors": 2, "python": "3.11.2", "disk": "ext4"}
_SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Imports a module of the benchmarks, which import each other as scripts do."""
    monkeypatch.syspath_prepend(str(_BENCHMARKS))
    others = {name: sys.modules.pop(name) for name in _MODULES & set(sys.modules)}
    yield import_module
    for name in _MODULES & set(sys.modules):
        del sys.modules[name]
    sys.modules.update(others)


def _row(name: str, ours: list[float], bound: float, **further: float) -> dict[str, Any]:
    """A row as `run.py` keeps it."""
    kept = {
        "name": name,
        "what": f"do {name}",
        "against": "cp -r",
        "bound": bound,
        "ours": ours,
        "peer": [1.0, 2.0, 4.0],
    }
    return kept | {"further": further, "ratio": 1.0, "day": "2026-11-27"}


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes figures and what is behind them."""
    monkeypatch.setattr(performance, "FIGURES", tmp_path / "figures.json")
    monkeypatch.setattr(performance, "BEHIND", tmp_path / "behind.toml")

    def write(*rows: dict[str, Any], limit: str = "") -> None:
        figures = {"machine": _MACHINE, "rows": {row["name"]: row for row in rows}}
        (tmp_path / "figures.json").write_text(json.dumps(figures))
        texts = [f'[{row["name"]}]\nours = "We."\npeer = "They."\n{limit}\n' for row in rows]
        (tmp_path / "behind.toml").write_text("\n".join(texts))

    return write


def test_before_anything_is_measured_the_page_says_so(measured: Callable[..., None]) -> None:
    assert performance.summary().startswith("Nothing has been measured yet: `make bench`")
    assert performance.figures() == ""


@pytest.mark.proves("page-has-ratios-of-medians")
def test_a_row_has_the_ratio_of_the_medians_its_spread_and_its_command(measured: Callable[..., None]) -> None:
    measured(_row("fast", [1.0, 1.0, 8.0], 1.1, p99=12.34, per_second=1234.5))
    text = performance.figures()
    lines = (
        "**0.5 ×**, at most 1.1 ×",
        "(0.50 to 2.00)",
        "1.00 s against 2.00 s",
        "p99 12.3 ms",
        "1,234 a second",
    )
    shown = "<br>".join(map(performance.whole, lines))
    day = performance.whole("2026-11-27")
    assert f'| do fast, against cp -r<br>`make bench ROWS="fast"` {day} | {shown} |' in text
    assert "## What is missed\n\nNo row.\n" in text
    assert performance.summary() == (
        "1 of 1 rows are as wanted, none missed. The machine: 2 processors, Python 3.11.2, ext4.\n"
    )


def test_a_missed_row_is_called_missed_with_what_limits_it(measured: Callable[..., None]) -> None:
    slow = _row("slow", [3.0, 4.0, 5.0], 1.1)
    measured(_row("fast", [1.0, 1.0, 1.0], 1.1), slow)
    assert "1 of 2 rows are as wanted, 1 missed." in performance.summary()
    assert performance.whole("**2 ×**, at most 1.1 ×: **missed**") in performance.figures()
    told = "- **do slow, against cp -r**: 2 ×, wanted 1.1 ×."
    assert f"{told} What limits it is not known yet.\n" in performance.figures()
    measured(slow, limit='limit = "The disk."')
    assert f"{told} The disk.\n" in performance.figures()


@pytest.mark.proves("plot-marks-met-and-missed")
def test_the_plot_has_words_and_a_mark_for_each_row(measured: Callable[..., None]) -> None:
    measured(_row("fast", [1.0, 1.0, 1.0], 1.1), _row("slow", [3.0, 4.0, 5.0], 1.1))
    found = re.search(r"<svg.*</svg>", performance.figures())
    assert found
    svg = etree.fromstring(found[0].replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '))
    assert svg.get("role") == "img"
    named = [svg.findtext(f"{_SVG}{part}") for part in ("title", "desc")]
    assert svg.get("aria-labelledby") == "performance-title performance-desc"
    assert named[1] == "fast: 0.50 times, wanted at most 1.1, holds; slow: 2.00 times, wanted at most 1.1, missed."
    met, missed = svg.findall(f"{_SVG}g[@class]")
    assert (met.get("class"), missed.get("class")) == ("dg-met", "dg-missed")
    (disc,), (square,) = met.findall(f"{_SVG}circle"), missed.findall(f"{_SVG}rect")
    (wanted,) = svg.findall(f"{_SVG}path[@class='dg-wanted']")
    at = float(re.findall(r"M ([\d.]+)", wanted.get("d", ""))[0])
    assert float(disc.get("cx", "")) < at < float(square.get("x", ""))
    assert [text.text for text in missed.findall(f"{_SVG}text")] == ["slow", "2 ×, missed"]


def test_the_page_says_what_is_behind_each_row() -> None:
    for text in performance._behind().values():
        assert set(text) in ({"ours", "peer"}, {"ours", "peer", "limit"})
    assert "| `get-rate` | A request checks the key" in performance.behind()


def test_every_row_has_what_is_behind_it(
    benchmarks: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also those that are measured and not in the figures yet. Nothing is made or run."""
    run, files, requests, machines = map(benchmarks, ("run", "files", "requests_per_second", "machines"))
    peers = benchmarks("peers")
    server = machines.Served("127.0.0.1:1", tmp_path, "ana", "key")
    for module, name in ((files, "run"), (files, "_removed"), (requests, "fill"), (requests, "fill_users")):
        monkeypatch.setattr(module, name, lambda *_: None)
    for name in ("small_files", "large_files"):
        monkeypatch.setattr(files, name, lambda folder, _number: folder)
    monkeypatch.setattr(files.shutil, "rmtree", lambda *_, **__: None)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    for name in ("grid", "create", "last_number"):
        monkeypatch.setattr(machines.Machine, name, lambda *_: "1")
    monkeypatch.setattr(machines.Served, "other", lambda *_: server)
    monkeypatch.setattr(peers.Restic, "begin", lambda *_: None)
    monkeypatch.setattr(requests, "served", lambda _folder: nullcontext(server))
    monkeypatch.setattr(requests, "_empty_route", lambda: nullcontext("127.0.0.1:1"))
    monkeypatch.setattr(requests, "ids", lambda *_: [])
    names = [row.name for row in run._rows(tmp_path, server)]
    assert len(names) == len(set(names))
    assert set(names) == set(performance._behind())


@pytest.mark.proves("rows-are-measured-by-turns")
def test_ours_and_the_peer_are_timed_by_turns(benchmarks: Callable[[str], ModuleType]) -> None:
    pairs, done = benchmarks("pairs"), list[str]()

    def does(name: str) -> Callable[[], float]:
        return lambda: float(len(done.append(name) or done))

    row = pairs.Row(name="a", ours=does("ours"), peer=does("peer"), what="do", against="it", bound=1)
    assert row.rounds > 1
    figures = pairs.measure(row)
    assert done == ["peer", "ours"] * row.rounds
    assert figures.ratio == 4 / 3  # of the medians
    assert figures.spread == (6 / 5, 2)


@pytest.mark.proves("make-bench-measures-all-or-some", reads=["Makefile"])
def test_bench_measures_all_rows_or_those_with_a_word(
    benchmarks: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nbench: setup\n")[2].partition("\n\n")[0]
    assert "tests/benchmarks/run.py $(ROWS)" in recipe
    run, pairs = benchmarks("run"), benchmarks("pairs")
    rows = [
        pairs.Row(name=name, ours=lambda: 1.0, peer=lambda: 1.0, what="do", against="it", bound=1)
        for name in ("create-many", "create-large", "files")
    ]
    monkeypatch.setattr(run, "FIGURES", tmp_path / "figures.json")
    monkeypatch.setattr(run.peers, "missing", list)
    monkeypatch.setattr(run, "disk", lambda: nullcontext((tmp_path, "a disk")))
    monkeypatch.setattr(run, "served", lambda _folder: nullcontext(None))
    monkeypatch.setattr(run, "_rows", lambda *_: iter(rows))

    def measured() -> list[str]:
        names = list(json.loads(run.FIGURES.read_text())["rows"])
        run.FIGURES.unlink()
        return names

    run.main(["create"])
    assert measured() == ["create-many", "create-large"]
    run.main([])
    assert measured() == [row.name for row in rows]
    monkeypatch.setattr(performance, "FIGURES", run.FIGURES)
    run.main(["files"])
    assert performance.summary().startswith("1 of 1 rows are as wanted")
