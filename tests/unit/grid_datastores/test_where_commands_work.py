"""Where commands work: in a folder on this machine, or on the server that somebody has signed in to or named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from in_process import NAMED, Terminal

from grid_datastores.gateway.credentials import Server, find_server, remove_credentials, store_credentials
from grid_datastores.settings import read_settings

STORED = Server("https://grid.example", "ana", "key", "local")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """GRID_DIR, in an environment without any other variable of grid."""
    for name in [name for name in os.environ if name.startswith("GRID_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GRID_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.proves("server-of-commands")
@pytest.mark.usefixtures("folder")
def test_commands_work_on_the_server_of_the_sign_in_or_of_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_settings()
    assert find_server(settings) is None
    store_credentials(settings, STORED)
    assert find_server(settings) == STORED
    for name, value in (("URL", "https://other.example"), ("USER_ID", "ben"), ("API_KEY", "secret")):
        monkeypatch.setenv(f"GRID_{name}", value)
    assert find_server(settings) == Server("https://other.example", "ben", "secret", "local")
    remove_credentials(settings)
    assert find_server(settings) == Server("https://other.example", "ben", "secret", "local")


@pytest.mark.proves("empty-url-is-this-machine")
def test_an_empty_url_means_this_machine(terminal: Terminal) -> None:
    """Also for somebody who is signed in, or who has set the variables."""
    terminal.create({"a.csv": b"1"})
    (terminal.home / ".grid" / "credentials.json").write_text(
        '{"URL": "http://127.0.0.1:9", "UserID": "ana", "APIKey": "key"}'
    )
    assert "No server answers at http://127.0.0.1:9" in terminal.type("datastore").err
    assert "data  " in terminal.done("datastore", GRID_URL="")
    assert "data  " in terminal.done("datastore", GRID_URL="", GRID_USER_ID="ana", GRID_API_KEY="key")


@pytest.mark.proves("place-of-the-data")
def test_the_data_lies_in_data_below_grid_dir(terminal: Terminal) -> None:
    """And below `~/.grid` where GRID_DIR is not set: nothing of it anywhere else."""
    mark = b"a mark that nothing else has"
    for directory in (terminal.home / ".grid", terminal.home / "elsewhere"):
        set_to = None if directory.name == ".grid" else str(directory)
        terminal.create({"a.csv": mark}, GRID_DIR=set_to)
        files = [path for path in terminal.home.rglob("*") if path.is_file() and path.parent.name != "source"]
        assert [path for path in files if mark in path.read_bytes()]
        assert [path for path in files if not path.is_relative_to(directory / "data")] == []
        terminal.done("datastore", "delete", *NAMED, GRID_DIR=set_to)
        assert [path for path in files if path.is_file() and mark in path.read_bytes()] == []
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
