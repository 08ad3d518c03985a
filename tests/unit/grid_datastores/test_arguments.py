"""Names and numbers that are none are refused before anything is opened, whatever the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from grid_datastores.cli import cli

NOT_NUMBERS = ["0", "01", "latest", "all", "-1", "1.0", "9" * 30, "2147483648", "", "¹"]
NOT_NAMES = ["a/b", "../data", "a b", "a.csv", "🐧", "d" * 300, "-data", "", "Data"]
COMMANDS = ["delete", "show", "files", "download"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without data."""
    monkeypatch.setenv("GRID_DIR", str(tmp_path / ".grid"))
    monkeypatch.delenv("GRID_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _refused(home: Path, *words: str) -> str:
    """What a usage error says of these words; nothing was made."""
    done = CliRunner().invoke(cli, ["datastore", *words])
    assert done.exit_code == 2, done.output
    assert list(home.iterdir()) == []
    return done.stderr


@pytest.mark.parametrize("number", NOT_NUMBERS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_version_is_a_number_from_1_on(home: Path, command: str, number: str) -> None:
    said = _refused(home, command, "--name", "data", f"--version={number}")
    assert "is not a version number" in said
    assert "There is no 'latest' or 'all'" in said


@pytest.mark.parametrize("words", [[], ["--name", "data"], ["--version", "1"], ["--name", "data", "--version"]])
def test_a_deletion_needs_a_name_and_a_version(home: Path, words: list[str]) -> None:
    assert "Error: " in _refused(home, "delete", *words)


@pytest.mark.parametrize("name", NOT_NAMES)
@pytest.mark.parametrize("command", [*COMMANDS, "create"])
def test_a_name_is_one_of_a_datastore(home: Path, command: str, name: str) -> None:
    words = ["source", f"--name={name}"] if command == "create" else [f"--name={name}", "--version=1"]
    assert "is not a valid datastore name" in _refused(home, command, *words)


@pytest.mark.proves("show-files-and-download-need-both")
@pytest.mark.parametrize("words", [[], ["--name", "data"], ["--version", "1"]])
@pytest.mark.parametrize("command", ["show", "files", "download"])
def test_a_look_needs_a_name_and_a_version(home: Path, command: str, words: list[str]) -> None:
    assert "Error: Missing option" in _refused(home, command, *words)
