"""Two people of one machine, one folder: both work on the same versions, and the history says who did what."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from acceptance.server import ServerProcess
from reliability.faults import dying
from reliability.machine import Machine, folder_of

_NAMED = ("--name", "set", "--version")


def _listed(machine: Machine, person: str) -> list[tuple[str, int]]:
    said = machine.run("datastore", "-o", "json", env={"LOGNAME": person}).done()
    return [(item["name"], item["spec"]["version"]) for item in json.loads(said)]


@pytest.mark.parametrize("people", [("user1", "user2"), ("first.last", "first.other"), ("ana", "!!!")])
def test_two_people_see_and_delete_the_same_versions(embedded: Machine, people: tuple[str, str]) -> None:
    one, two = people
    folder_of(embedded.home, {"a": b"1"}, "a")
    folder_of(embedded.home, {"b": b"2"}, "b")
    embedded.run("datastore", "create", "a", "--name", "set", env={"LOGNAME": one}).done()
    said = embedded.run("datastore", "create", "b", "--name", "set", env={"LOGNAME": two}).done()
    assert said.startswith("Created version 2 of set")
    assert _listed(embedded, one) == _listed(embedded, two) == [("set", 1), ("set", 2)]
    embedded.run("datastore", "delete", *_NAMED, "1", env={"LOGNAME": two}).done()
    shown = embedded.run("datastore", "show", *_NAMED, "1", env={"LOGNAME": one}).done()
    assert f"created by {one}" in shown
    assert f"deleted by {two}" in shown


def _several_owners(machine: Machine, grid: str | None = None) -> None:
    """The folder as an older release left it, after user1 and user2 had worked there; user2 with this `grid`."""
    usual = machine.grid
    for person in ("user1", "user2"):
        folder_of(machine.home, {"a": person.encode()}, person)
        machine.grid = grid or usual if person == "user2" else usual
        machine.run("datastore", "create", person, "--name", "set", env={"LOGNAME": person})
    machine.grid = usual
    with closing(sqlite3.connect(machine.directory / "data" / "catalog.sqlite")) as catalog, catalog:
        catalog.executescript(
            """
            DELETE FROM settings WHERE key = 'local-owner';
            UPDATE users SET name = 'user1';
            INSERT INTO users (id, name, key_hash, created_at)
                SELECT 'second', 'user2', key_hash, '2099-01-01 00:00:00.000000' FROM users;
            INSERT INTO datastores (id, owner_id, name, last_number) SELECT 'second', 'second', name, 1 FROM datastores;
            UPDATE datastores SET last_number = 1;
            UPDATE versions SET owner_id = 'second', datastore_id = 'second', number = 1 WHERE number = 2;
            """
        )


@pytest.mark.proves("versions-of-several-people-merged")
def test_a_folder_of_several_owners_gets_one_and_says_once_what_that_changed(embedded: Machine) -> None:
    _several_owners(embedded)
    first = embedded.run("datastore", "-o", "json", env={"LOGNAME": "user2"})
    assert first.code == 0
    assert first.err == "Note: 1 version of user2 is now yours: set 1 is now set-user2 1.\n"
    assert [(item["name"], item["spec"]["version"]) for item in json.loads(first.out)] == [("set", 1), ("set-user2", 1)]
    for name, content in (("set", b"user1"), ("set-user2", b"user2")):
        embedded.run("datastore", "download", "--name", name, "--version", "1", "--to", f"{name}-copy").done()
        assert (embedded.home / f"{name}-copy" / "a").read_bytes() == content
    shown = embedded.run("datastore", "show", "--name", "set-user2", "--version", "1").done()
    assert "moved by user2: from user2, where it was version 1 of set" in shown


def test_an_interrupted_upload_goes_on_under_its_new_name(embedded: Machine, tmp_path: Path) -> None:
    killed = dying(tmp_path, "grid_datastores.service.uploads:Uploads.publish", after=False)
    _several_owners(embedded, killed)
    said = embedded.run("datastore", "resume", env={"LOGNAME": "user2"})
    assert said.code == 0, said
    for name, content in (("set", b"user1"), ("set-user2", b"user2")):
        embedded.run("datastore", "download", "--name", name, "--version", "1", "--to", f"{name}-copy").done()
        assert (embedded.home / f"{name}-copy" / "a").read_bytes() == content
    assert "no interrupted upload" in embedded.run("datastore", "resume").done()


@pytest.mark.proves("users-of-a-server-stay-apart")
def test_the_users_of_a_server_stay_apart_in_its_folder(own_server: ServerProcess, embedded: Machine) -> None:
    ben = Machine(embedded.grid, embedded.home, own_server, own_server.add_user("ben"))
    ben.create(folder_of(embedded.home, {"a": b"1"}, "a"), "set")
    embedded.extra = {"GRID_DIR": str(own_server.folder)}
    first = embedded.run("datastore", "-o", "json", env={"LOGNAME": "somebody"})
    assert json.loads(first.out) == []
    assert "The versions of ben in this folder are available only through its server" in first.err
    assert "grid user key NAME" in first.err
    embedded.create(folder_of(embedded.home, {"b": b"2"}, "b"), "set")
    assert ben.phases() == [(1, "SUCCEEDED")]
