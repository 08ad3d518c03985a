"""A catalog put back from a copy neither lists a deleted version again nor uses a number twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from acceptance.server import ServerProcess
from reliability.faults import prepared
from reliability.machine import Machine, folder_of

# Is killed as it logs its own change; the first call is that of its start.
_DIES = """
import os, signal
from grid_datastores.storage.log import LocalLog
extend, calls = LocalLog.extend, []
def dies(*given):
    calls.append(given)
    if len(calls) == 2:
        if {after}:
            extend(*given)
        os.kill(os.getpid(), signal.SIGKILL)
    return extend(*given)
LocalLog.extend = dies
"""
_FIRST = ("datastore", "delete", "--name", "data", "--version", "1")


def _put_back(data: Path, copy: Path) -> None:
    for path in data.glob("catalog.sqlite*"):
        path.unlink()
    shutil.copy(copy, data / "catalog.sqlite")


def _changed_since_a_copy(machine: Machine, data: Path, tmp_path: Path) -> Path:
    """A copy of the catalog; then version 1 is deleted and 2 is made."""
    source = folder_of(machine.home, {"a.csv": b"1,2\n"})
    machine.create(source)
    if machine.server:
        machine.server.stop()
    copy = Path(shutil.copy(data / "catalog.sqlite", tmp_path))
    if machine.server:
        machine.server.start()
    machine.run(*_FIRST).done()
    machine.create(source)
    return copy


@pytest.mark.proves("an-older-catalog-is-refused")
def test_without_a_server_every_command_refuses_an_older_catalog(embedded: Machine, tmp_path: Path) -> None:
    data = embedded.directory / "data"
    copy = _changed_since_a_copy(embedded, data, tmp_path)
    _put_back(data, copy)
    for words in (
        ("datastore",),
        ("datastore", "create", "source"),
        _FIRST,
        ("session",),
        ("user", "list"),
        ("admin", "check"),
    ):
        embedded.run(*words).refused("it lacks 1 version and 1 deletion", "grid admin check --repair")
    assert (data / "catalog.sqlite").read_bytes() == copy.read_bytes()
    assert embedded.run("admin", "check", "--repair").done().startswith("Brought the catalog up to date")
    assert embedded.phases() == [(2, "SUCCEEDED")]
    embedded.run(*_FIRST).refused("was already deleted", "by ana")
    assert embedded.create("source") == 3
    embedded.run("datastore", "download", "--name", "data", "--version", "2", "--to", "back").done()
    assert (embedded.home / "back" / "a.csv").read_bytes() == b"1,2\n"


@pytest.mark.proves("an-older-catalog-is-refused")
@pytest.mark.proves("check-beside-a-server")
def test_a_server_does_not_start_with_an_older_catalog(
    own_server: ServerProcess, embedded: Machine, tmp_path: Path
) -> None:
    ana = Machine(embedded.grid, embedded.home, own_server, own_server.add_user("ana"))
    data = own_server.folder / "data"
    copy = _changed_since_a_copy(ana, data, tmp_path)
    operator = {"GRID_DIR": str(own_server.folder), "GRID_URL": ""}
    embedded.run("admin", "check", "--repair", env=operator).refused("a server or another command uses")
    own_server.stop()
    _put_back(data, copy)
    embedded.run("serve", "--port", "0", env=operator).refused("it lacks 1 version and 1 deletion")
    embedded.run("admin", "check", "--repair", env=operator).done()
    own_server.start()
    assert ana.phases() == [(2, "SUCCEEDED")]
    assert ana.create("source") == 3
    assert embedded.run("admin", "check", env=operator).done() == "Checked 2 versions with 8 bytes. No problem found.\n"


@pytest.mark.parametrize("after", [False, True], ids=["before it is logged", "after"])
def test_a_deletion_that_was_killed_is_logged_by_the_next_command(
    embedded: Machine, grid: str, tmp_path: Path, *, after: bool
) -> None:
    embedded.create(folder_of(embedded.home, {"a.csv": b"1,2\n"}))
    copy = Path(shutil.copy(embedded.directory / "data" / "catalog.sqlite", tmp_path))
    embedded.grid = prepared(tmp_path, _DIES.format(after=after))
    assert embedded.run(*_FIRST).code == -9
    embedded.grid = grid
    assert embedded.phases() == []
    _put_back(embedded.directory / "data", copy)
    embedded.run("datastore").refused("it lacks 1 deletion")
