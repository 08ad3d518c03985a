"""What commands print of names and places from outside, and what they finish although printing fails."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from grid_datastores.cli import deletion, resuming
from grid_datastores.domain.model import Quota, Receipt, Source, SourceKind, VersionRef


def test_a_receipt_prints_the_control_characters_of_a_location_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    location = "s3://birds/\x1b[2J"
    source = Source(SourceKind.REFERENCE, location)
    at, ref = datetime(2026, 1, 2, tzinfo=UTC), VersionRef("data", 1)
    receipt = Receipt("id", ref, source, 1, 1, at, (), Quota(1, 2), Quota(0, 2))
    deletion._print_result(deletion._Result(ref, receipt), dry_run=False)
    assert "s3://birds/\\x1b[2J" in capsys.readouterr().out


def test_all_that_was_finished_is_said_though_stdout_takes_nothing(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        code = resuming._echo_finished(["Finished version 1 of a.", "Finished version 2 of b."])
    assert code == 3
    assert "Finished version 1 of a. Finished version 2 of b. The result could not be printed" in capfd.readouterr().err
