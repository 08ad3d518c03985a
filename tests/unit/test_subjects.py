"""Subjects of commits: at most 72 characters, in a message being written and in a range of commits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import subjects

LONG = "A" * 73
FITS = "A" * 72


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With one commit, of a subject that is too long."""
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "Ana")
        monkeypatch.setenv(f"{name}_EMAIL", "ana@example.org")
    git("init", "--quiet")
    commit(LONG)
    return tmp_path


def git(*words: str) -> None:
    subprocess.run(["git", *words], check=True)


def commit(subject: str) -> None:
    git("commit", "--quiet", "--allow-empty", "--no-verify", "--message", subject)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (f"{FITS}\n\nbody {LONG}\n", 0),
        (f"{LONG}\n", 1),
        (f"# {LONG}\n{FITS}\n", 0),
        ("# nothing else\n", 1),
    ],
)
def test_a_message_that_is_being_written(message: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "message").write_text(message, "utf-8")
    assert subjects.main(["--file", str(tmp_path / "message")]) == code


def test_only_the_commits_of_the_range_count(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commit(FITS)
    assert subjects.main(["HEAD~1..HEAD"]) == 0
    commit(LONG)
    assert subjects.main(["HEAD~1..HEAD"]) == 1
    assert capsys.readouterr().err == (f"The subject has 73 characters; at most 72 are allowed: {LONG}\n")


def test_a_range_that_git_does_not_know_is_a_usage_error(repository: Path) -> None:
    assert subjects.main(["no-such..HEAD"]) == 2
