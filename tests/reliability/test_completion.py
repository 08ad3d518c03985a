"""Completion at the Tab key: what there is, from where it is, without a trace and without a wait."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from reliability.machine import Machine, folder_of

_MOUNT = ("--datastore_name=data", "--datastore_version=1")


def _completed(machine: Machine, *words: str, **env: str) -> list[str]:
    """What bash offers for the last word, the type before a comma."""
    asked = {"_GRID_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["grid", *words]), "COMP_CWORD": str(len(words))}
    return machine.run(env={**asked, **env}).done().split()


@pytest.fixture
def used(machine: Machine) -> Machine:
    machine.create(folder_of(machine.home, {"a": b"1"}))
    machine.run("session", "create", "tuning", *_MOUNT).done()
    return machine


@pytest.mark.proves("tab-completes-names")
def test_names_complete(used: Machine) -> None:
    assert _completed(used, "datastore", "delete", "--name", "d") == ["plain,data"]
    assert _completed(used, "datastore", "create", "x", "--name", "d") == ["plain,data"]
    assert [item.split(",")[0] for item in _completed(used, "datastore", "create", "s")] == ["file"]
    for command in ("pause", "resume", "delete"):
        assert _completed(used, "session", command, "t") == ["plain,tuning"]
    assert _completed(used, "cancel", "t") == []
    script = '_GRID_COMPLETE=bash_complete COMP_WORDS="grid cancel n" COMP_CWORD=2 exec "$0"'
    assert used.run("run", "--name=nightly", *_MOUNT, "sh", "-c", script, used.grid).done() == "plain,nightly\n"


@pytest.mark.proves("tab-completes-names")
def test_numbers_complete(used: Machine) -> None:
    used.create("source")
    used.create("source", "other")
    for group, command, *before in (("datastore", "delete", "--name", "data"), ("datastore", "show", "--name", "data")):
        assert _completed(used, group, command, *before, "--version", "''") == ["plain,1", "plain,2"]


@pytest.mark.proves("completion-is-set-up-as-the-page-says", reads=["docs/reference/cli.md"])
def test_the_line_of_the_page_sets_completion_up(embedded: Machine, tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
    [line] = re.findall(r"```bash\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "grid").symlink_to(embedded.grid)
    environment = embedded.environment(PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    asked = f"{line}\ncomplete -p grid"
    done = subprocess.run(["bash", "-c", asked], env=environment, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"complete .*-F _grid_completion grid\n", done.stdout), done
    for shell, word in (("zsh", "#compdef grid"), ("fish", "complete --no-files --command grid")):
        [command] = re.findall(r"\$\((.*)\)", line.replace("bash", shell))
        done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=True)
        assert word in done.stdout, done


def _there(machine: Machine) -> dict[str, int]:
    """Everything below the home folder, with the time of its last change."""
    return {str(path): path.stat().st_mtime_ns for path in machine.home.rglob("*")}


@pytest.mark.parametrize(
    "place",
    [
        "",
        "sqlite:///{home}/new.sqlite",
        "sqlite:///{home}/new/catalog.sqlite",
        "sqlite:///{home}/.grid/data/new.sqlite",
    ],
)
def test_completing_leaves_no_trace(embedded: Machine, place: str) -> None:
    address = {"GRID_DATABASE_URL": place.format(home=embedded.home)}
    assert _completed(embedded, "datastore", "show", "--name", "d", **address) == []
    assert list(embedded.home.iterdir()) == []


@pytest.mark.parametrize("place", ["new.sqlite", "new/catalog.sqlite", ".grid/data/new.sqlite"])
def test_completing_beside_a_folder_that_is_used_leaves_no_trace(embedded: Machine, place: str) -> None:
    embedded.create(folder_of(embedded.home, {"a": b"1"}))
    before = _there(embedded)
    address = {"GRID_DATABASE_URL": f"sqlite:///{embedded.home}/{place}"}
    assert _completed(embedded, "datastore", "show", "--name", "d", **address) == []
    assert _there(embedded) == before


def test_completing_changes_nothing(embedded: Machine) -> None:
    """Neither what is to be tidied up, nor the catalog, nor the files that SQLite makes beside one."""
    embedded.create(folder_of(embedded.home, {"a": b"1"}))
    (embedded.directory / "data" / "kept").touch()
    before = _there(embedded)
    assert _completed(embedded, "datastore", "show", "--name", "d", LOGNAME="ben") == ["plain,data"]
    assert _there(embedded) == before


def test_completing_leaves_an_older_catalog_as_it_is(embedded: Machine) -> None:
    embedded.create(folder_of(embedded.home, {"a": b"1"}))
    with closing(sqlite3.connect(embedded.directory / "data" / "catalog.sqlite")) as catalog:
        catalog.execute("PRAGMA user_version = 1")
    before = _there(embedded)
    assert _completed(embedded, "datastore", "show", "--name", "d") == []
    assert _there(embedded) == before


def test_completing_sees_what_another_process_has_just_written(embedded: Machine) -> None:
    """Its log is not yet part of the catalog's file."""
    embedded.create(folder_of(embedded.home, {"a": b"1"}))
    with closing(sqlite3.connect(embedded.directory / "data" / "catalog.sqlite")) as catalog:
        catalog.execute("UPDATE versions SET name = 'daily'")
        catalog.commit()
        assert _completed(embedded, "datastore", "show", "--name", "d") == ["plain,daily"]


def test_completing_does_not_wait_for_a_silent_server(embedded: Machine) -> None:
    """Any other command waits for it longer than this test does."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        env = {"GRID_URL": url, "GRID_USER_ID": "a", "GRID_API_KEY": "b"}
        asked = {"_GRID_COMPLETE": "bash_complete", "COMP_WORDS": "grid datastore show --name d", "COMP_CWORD": "4"}
        process = embedded.start(env={**env, **asked})
        silent.settimeout(50)
        connection, _ = silent.accept()
        out, err = process.communicate(timeout=40)
        connection.close()
    assert (process.returncode, out.strip(), err) == (0, "", "")
