"""The pure parts: verdicts, the recorder, plain text, the digest, features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from living_spec.config import SpecError, find_config, read_config
from living_spec.evidence import Key, Outcome, Transcript, digest
from living_spec.features import read_feature
from living_spec.recorder import Recorder
from living_spec.results import Freshness, Kind, Verdict, combine
from living_spec.spec import read_spec
from living_spec.text import plain

if TYPE_CHECKING:
    from pathlib import Path

    from living_spec_project import Project


def verdict(kind: Kind, freshness: Freshness = Freshness.FRESH, reason: str = "") -> Verdict:
    return Verdict(kind, reason, freshness)


@pytest.mark.proves("rule-is-as-bad-as-its-worst-scenario")
@pytest.mark.parametrize(
    ("kinds", "whole"),
    [
        ([Kind.HOLDS, Kind.FAILS, Kind.NOT_RUN], Kind.FAILS),
        ([Kind.HOLDS, Kind.NOT_RUN], Kind.NOT_RUN),
        ([Kind.NOT_ON_SURFACE, Kind.HOLDS], Kind.HOLDS),
        ([Kind.NOT_ON_SURFACE, Kind.NOT_ON_SURFACE], Kind.NOT_ON_SURFACE),
        ([], Kind.NOT_RUN),
    ],
)
def test_the_whole_is_as_bad_as_its_worst_part(kinds: list[Kind], whole: Kind) -> None:
    assert combine(map(verdict, kinds)).kind is whole


def test_the_whole_is_as_stale_as_its_stalest_part() -> None:
    parts = [verdict(Kind.HOLDS), verdict(Kind.HOLDS, Freshness.STALE)]
    assert combine(parts).freshness is Freshness.STALE
    assert combine([*parts, verdict(Kind.NOT_RUN, Freshness.MISSING)]).freshness is Freshness.MISSING


def test_the_whole_gives_the_reasons_of_its_worst_parts_once_each() -> None:
    parts = [verdict(Kind.NOT_RUN, reason="a"), verdict(Kind.NOT_RUN, reason="a"), verdict(Kind.HOLDS, reason="b")]
    assert combine(parts).reason == "a"


def test_a_result_not_run_for_a_reason_counts_as_proof_but_a_failure_does_not() -> None:
    assert not verdict(Kind.NOT_RUN, reason="a foreign server").unproven
    assert verdict(Kind.FAILS).unproven


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;https://x\x1b\\link\x1b]8;;\x07", "link"),
        ("10 %\r20 %\rdone\nnext\r\n", "done\nnext\n"),
        ("\x1b[?25l\x1b[2Ka\tb\x07\x00", "a\tb"),
    ],
)
def test_plain_text_is_what_a_terminal_shows_in_the_end(printed: str, shown: str) -> None:
    assert plain(printed) == shown


def recorder() -> Recorder:
    return Recorder(Key("reference", "cli", "delete", 0), {})


def test_names_are_replaced_longest_first_and_only_once() -> None:
    evidence = recorder()
    evidence.rename("ds-1", "a")
    evidence.rename("ds-12", "ds-1")
    evidence.transcript("rm ds-12 ds-1", "", 0)
    evidence.end_step("When", "ds-12 is deleted", Outcome.PASSED)
    [step] = evidence.result([("When", "ds-12 is deleted")]).steps
    assert step.records == (Transcript("rm ds-1 a", "", 0),)
    assert step.text == "ds-1 is deleted"


def test_records_belong_to_the_step_they_were_made_in_or_to_the_last() -> None:
    evidence = recorder()
    evidence.transcript("one", "", 0)
    evidence.end_step("When", "a", Outcome.PASSED)
    evidence.transcript("two", "", 0)
    evidence.end_step("Then", "b", Outcome.PASSED)
    evidence.transcript("three", "", 0)
    steps = evidence.result([("When", "a"), ("Then", "b")]).steps
    commands = [[record.command for record in step.records if isinstance(record, Transcript)] for step in steps]
    assert commands == [["one"], ["two", "three"]]


def test_the_digest_changes_with_names_and_contents_and_nothing_else(project: Project) -> None:
    config = read_config(project.root)
    before = digest(config)
    project.write("tests/__pycache__/x.py", "cache")
    project.write("tests/x.pyc", "cache")
    project.write("docs/x.md", "not of the sources")
    assert digest(config) == before
    project.change("tests/test_tiny.py", 'b"PNG"', 'b"NEW"')
    changed = digest(config)
    assert changed != before
    (project.root / "tests/test_tiny.py").rename(project.root / "tests/test_other.py")
    assert digest(config) not in (before, changed)


def test_a_not_on_line_of_a_rule_speaks_for_all_its_scenarios(project: Project) -> None:
    project.change("features/deleting.feature", "    Why:", "    Not on cli: later.\n    Why:")
    [rule] = read_feature(project.root / "features/deleting.feature", project.root / "features").rules
    assert rule.reason == "Why: the others are still needed."
    assert [(item.not_on("api"), item.not_on("cli")) for item in rule.scenarios] == [
        (None, "later."),
        ("the API has no loop.", "later."),
    ]


def test_a_background_is_part_of_every_scenario(project: Project) -> None:
    feature = read_feature(project.root / "features/deleting.feature", project.root / "features")
    assert [scenario.steps[0].text for scenario in feature.scenarios] == ["a shelf", "a shelf"]


def test_a_feature_that_is_not_gherkin_is_named(project: Project) -> None:
    project.write("features/broken.feature", "Feature: A\n\n  Scenario: B\n    Given c\n    Gizmo d\n")
    with pytest.raises(SpecError, match=r"broken\.feature:5: This is not valid Gherkin: expected: .*, got 'Gizmo d'\."):
        read_spec(read_config(project.root))


def test_ids_that_cannot_be_relied_on_stop_everything(project: Project) -> None:
    project.change("features/deleting.feature", "@scenario:delete-each", "@scenario:delete-two")
    with pytest.raises(SpecError, match=r"deleting\.feature:22: The scenario id 'delete-two' is already used"):
        read_spec(read_config(project.root))


def test_the_configuration_is_found_from_any_folder_below(project: Project) -> None:
    assert find_config(project.root / "docs/spec") == read_config(project.root)


def test_a_project_without_a_configuration_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\n", "utf-8")
    with pytest.raises(SpecError, match=r"has no table \[tool.living-spec\]"):
        read_config(tmp_path)
