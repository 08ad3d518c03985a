"""What commands print of names and places from outside, and what they finish although printing fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grid_datastores.cli import datastore, deletion, resuming
from grid_datastores.domain.model import (
    Details,
    Event,
    EventKind,
    Holder,
    Phase,
    Quota,
    Receipt,
    RemainingVersion,
    Source,
    SourceKind,
    Version,
    VersionRef,
    WorkloadKind,
    WorkloadState,
)
from grid_datastores.domain.text import COPIES


def test_a_receipt_prints_the_control_characters_of_a_location_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    location = "s3://birds/\x1b[2J"
    source = Source(SourceKind.REFERENCE, location)
    at, ref = datetime(2026, 1, 2, tzinfo=UTC), VersionRef("data", 1)
    receipt = Receipt("id", ref, source, 1, 1, at, (), 0, Quota(1, 2), Quota(0, 2))
    deletion._print_result(deletion._Result(ref, receipt), dry_run=False)
    assert "s3://birds/\\x1b[2J" in capsys.readouterr().out


@pytest.mark.proves("receipt-lines", "copies-line-after-a-run", "dry-run-lines")
def test_a_receipt_has_a_line_for_each_thing(capsys: pytest.CaptureFixture[str]) -> None:
    kept = tuple(RemainingVersion(number, digest * 64) for number, digest in ((2, "a"), (4, "b")))
    at, ref = datetime(2026, 1, 2, tzinfo=UTC), VersionRef("data", 1)
    receipt = Receipt(
        "id", ref, Source(SourceKind.FILES, "data"), 2, 1500, at, kept, len(kept), Quota(3, 50), Quota(2, 50)
    )
    lines = [
        "Deleted version 1 of data: 2 files, 1.5 kB. This cannot be undone.",
        "Kept versions 2 (aaaaaaaa), 4 (bbbbbbbb) of data.",
        "You have 2 of 50 versions now, 3 before.",
    ]
    for may_have_copies, more in ((False, []), (True, [COPIES])):
        used = replace(receipt, may_have_copies=may_have_copies)
        deletion._print_result(deletion._Result(ref, used), dry_run=False)
        assert capsys.readouterr().out.splitlines() == [*lines, *more]
    assert COPIES.startswith("A Run has used it. A copy on another machine is erased by")
    deletion._print_result(deletion._Result(ref, receipt), dry_run=True)
    assert capsys.readouterr().out.splitlines() == [
        "Version 1 of data can be deleted: 2 files, 1.5 kB. Nothing was deleted.",
        "Deleting it would keep versions 2 (aaaaaaaa), 4 (bbbbbbbb) of data.",
    ]


@pytest.mark.proves(
    "show-phase-with-the-cause",
    "show-source-and-how",
    "show-fingerprint",
    "show-last-used",
    "show-in-use-by",
    "show-history-line-by-line",
)
def test_the_details_of_a_version_have_a_line_for_each_thing(capsys: pytest.CaptureFixture[str]) -> None:
    at, used, ref = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC), VersionRef("data", 1)
    source = Source(SourceKind.ARCHIVE, "https://example.com/a.zip")
    version = Version("id", "ana", ref, source, Phase.AVAILABLE, at, fingerprint="f" * 64)
    version = replace(version, last_used_at=used, last_used_by="Run nightly")
    holders = tuple(
        Holder(kind, "id", name, WorkloadState.RUNNING, used)
        for kind, name in ((WorkloadKind.SESSION, "tuning"), (WorkloadKind.RUN, "nightly"))
    )
    history = (Event(1, at, "ana", EventKind.CREATED, "a.zip"), Event(2, used, "", EventKind.FAILED, "it broke off"))
    datastore._print_details(Details(version, holders, history))
    lines = capsys.readouterr().out.splitlines()
    assert {
        "Phase:       available",
        "Source:      https://example.com/a.zip (archive, fetched and extracted)",
        f"Fingerprint: {'f' * 64}",
        "Last used:   2026-03-04 00:00:00 UTC Run nightly",
        "In use by:   Session tuning (running since 2026-03-04 00:00:00 UTC)",
        "In use by:   Run nightly (running since 2026-03-04 00:00:00 UTC)",
    } <= set(lines)
    assert lines[-3:] == [
        "History:",
        "  2026-01-02 00:00:00 UTC  created by ana: a.zip",
        "  2026-03-04 00:00:00 UTC  failed: it broke off",
    ]
    datastore._print_details(Details(replace(version, phase=Phase.FAILED, message="it broke off")))
    said = capsys.readouterr().out
    assert "Phase:       failed: it broke off\n" in said
    assert "In use by" not in said


def test_all_that_was_finished_is_said_though_stdout_takes_nothing(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        code = resuming._echo_finished(["Finished version 1 of a.", "Finished version 2 of b."])
    assert code == 3
    assert "Finished version 1 of a. Finished version 2 of b. The result could not be printed" in capfd.readouterr().err
