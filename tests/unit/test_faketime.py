"""A machine without libfaketime: a reader's set-up says so, and in CI it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

import faketime


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_setting_up_says_that_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ci: str, code: int
) -> None:
    monkeypatch.setattr(faketime, "_PLACES", (str(tmp_path),))
    monkeypatch.setenv("PATH", str(tmp_path))  # where no package manager is
    monkeypatch.setenv("CI", ci)
    assert faketime.main() == code
    printed = capsys.readouterr()
    assert (printed.out, printed.err.splitlines()[0]) == ("", faketime.missing())
