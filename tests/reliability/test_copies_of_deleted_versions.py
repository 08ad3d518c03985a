"""A copy that a Run made goes with its version, also when the version is deleted elsewhere (delete-removes-bytes)."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from grid_datastores.wire.datastores import MAX_IDS
from reliability.machine import Machine, Said, finished, folder_of
from reliability.nonsense import serving
from reliability.test_bad_servers import ONE_VERSION

MARK = b"a mark that nothing else has"
VERSION = ("--name", "data", "--version", "1")
RUN = ("run", "--name", "nightly", "--datastore_name", "data", "--datastore_version", "1", "--")
READ = ("sh", "-c", "echo began; read line; cat $GRID_DATASTORE_DATA/a.txt")


@pytest.fixture
def used(connected: Machine) -> Machine:
    """A machine that works on a server, with a copy of a version that a Run has used."""
    connected.create(folder_of(connected.home, {"a.txt": MARK}))
    connected.run(*RUN, "true").done()
    assert _copies(connected)
    return connected


def _copies(machine: Machine) -> list[Path]:
    """The files below GRID_DIR that hold the mark."""
    return [path for path in machine.directory.rglob("*") if path.is_file() and MARK in path.read_bytes()]


def _cache(machine: Machine) -> list[Path]:
    return list((machine.directory / "cache").iterdir())


def _delete_elsewhere(machine: Machine) -> str:
    """Somebody deletes the version over the API; its id."""
    [version] = machine.listing()
    assert machine.server
    with httpx.Client(base_url=machine.server.url, auth=machine.user) as http:
        http.delete(f"/v1/core/local/datastores/{version['id']}").raise_for_status()
    return str(version["id"])


@pytest.mark.proves("commands-ask-what-is-deleted", "copy-erased-by-next-command-there")
@pytest.mark.parametrize("command", [("datastore",), ("status",), ("datastore", "show", *VERSION), ("session", "list")])
def test_the_next_command_erases_the_copy_of_a_version_that_was_deleted_elsewhere(
    used: Machine, command: tuple[str, ...]
) -> None:
    _delete_elsewhere(used)
    used.run(*command).done()
    assert _cache(used) == []


def test_a_run_of_a_deleted_version_leaves_no_copy(used: Machine) -> None:
    _delete_elsewhere(used)
    used.run(*RUN, "true").refused("already deleted")
    assert _cache(used) == []


@pytest.mark.proves("copy-stays-for-the-next-run")
def test_copies_of_versions_that_are_kept_stay(used: Machine) -> None:
    used.run("datastore").done()
    before = {path: path.stat().st_ino for path in _copies(used)}
    used.run(*RUN, "true").done()
    assert {path: path.stat().st_ino for path in _copies(used)} == before


@pytest.mark.proves("copy-erased-by-next-command-there")
def test_a_copy_from_another_place_stays_until_a_command_works_there(used: Machine) -> None:
    here = {"GRID_URL": ""}
    _delete_elsewhere(used)
    used.run("datastore", env=here).done()
    assert _copies(used)
    used.run("datastore").done()
    assert _copies(used) == []


@pytest.mark.proves("copy-erased-by-next-command-there")
def test_a_copy_of_another_user_stays_until_their_command(used: Machine) -> None:
    assert used.server
    ben = used.server.add_user(f"ben-{used.home.parent.name[-20:].replace('_', '-').strip('-')}")
    as_ben = {"GRID_USER_ID": ben.user_id, "GRID_API_KEY": ben.api_key}
    used.run("datastore", env=as_ben).done()
    assert _copies(used)


def test_a_copy_is_known_at_another_address_of_its_server(used: Machine) -> None:
    assert used.server
    _delete_elsewhere(used)
    used.run("datastore", env={"GRID_URL": used.server.url.replace("127.0.0.1", "localhost")}).done()
    assert _copies(used) == []


def test_a_copy_without_a_note_is_erased_as_nobody_can_be_asked_about_it(used: Machine) -> None:
    """An earlier release wrote no notes."""
    [note] = (used.directory / "cache").glob("*.place")
    note.unlink()
    used.run("datastore").done()
    assert _cache(used) == []
    assert used.run(*RUN, "cat", "{data}/a.txt").done() == MARK.decode()


@pytest.mark.proves("files-stay-while-a-run-reads", "copy-stays-while-a-run-reads")
def test_what_a_run_reads_stays_until_it_ends(used: Machine) -> None:
    with used.start(*RUN, *READ, stdin=subprocess.PIPE) as run:
        assert run.stdout
        assert run.stdout.readline() == "began\n"
        used.run("cancel", "nightly").done()  # it holds nothing any more, and reads on
        _delete_elsewhere(used)
        used.run("datastore").done()
        assert finished(run) == Said(0, MARK.decode(), "")
    assert _cache(used) == []


def test_the_copy_of_a_killed_run_goes_with_the_next_command(used: Machine) -> None:
    with used.start(*RUN, *READ, stdin=subprocess.PIPE) as run:
        assert run.stdout
        assert run.stdout.readline() == "began\n"
        used.run("cancel", "nightly").done()
        _delete_elsewhere(used)
        run.send_signal(signal.SIGKILL)
    used.run("datastore").done()
    assert _cache(used) == []


@pytest.mark.proves("servers-that-do-not-say-what-is-deleted", "copy-erased-by-run-or-clearcache")
@pytest.mark.parametrize("erasing", ["run", "clearcache"])
def test_a_place_that_cannot_say_what_is_deleted_fails_no_command(embedded: Machine, erasing: str) -> None:
    """A server of Grid's own API has no such question; a Run that does not find its version erases the copy."""
    with serving() as server:
        embedded.extra = {"GRID_URL": server.url, "GRID_USER_ID": "ana", "GRID_API_KEY": "key"}
        server.special["/v1/auth/user"] = b'{"id": "ana"}'
        server.special["/manifest"] = b'["a.txt", 2, "etag:1", "object", 0]'
        server.special["/objects/object"] = b"hi"
        run = {"id": "1", "name": "nightly", "createdAt": ONE_VERSION["createdAt"], "spec": {}}
        run |= {"status": {"phase": "RUN_STATE_RUNNING"}, "datastores": [ONE_VERSION]}
        server.body = json.dumps(run).encode()
        embedded.run(*RUN, "true").done()
        assert _cache(embedded)
        server.status, server.body = 404, b"{}"
        embedded.run("status").refused("answered 404")
        assert _cache(embedded)
        server.status, server.body = 200, b'{"datastores": []}'
        embedded.run("datastore").done()
        assert _cache(embedded)
        if erasing == "run":
            embedded.run(*RUN, "true").refused("There is no version 1 of data")
        else:
            assert "removed the files of 1 version" in embedded.run("datastore", "clearcache").done()
        assert _cache(embedded) == []


@pytest.mark.proves("commands-ask-what-is-deleted")
def test_where_no_copy_is_nobody_is_asked(embedded: Machine) -> None:
    with serving() as server:
        embedded.extra = {"GRID_URL": server.url, "GRID_USER_ID": "ana", "GRID_API_KEY": "key"}
        server.body = b'{"datastores": []}'
        embedded.run("datastore").done()
        assert [asked for asked, _ in server.asked] == ["GET /v1/core/local/datastores?limit=1000"]


SENTENCE = (
    "A Run has used it. A copy on another machine is erased by the next grid command there"
    " that works on these datastores."
)


@pytest.mark.proves("copies-line-on-a-server")
@pytest.mark.parametrize("ran", [True, False])
def test_the_receipt_speaks_of_copies_where_a_run_has_used_the_version(machine: Machine, ran: bool) -> None:
    folder = folder_of(machine.home, {"a.txt": b"hello"})
    for number in (1, 2):
        machine.create(folder)
        mounted = ("--datastore_name", "data", "--datastore_version", str(number))
        if ran:
            machine.run("run", "--name", "nightly", *mounted, "--", "true").done()
        else:
            machine.run("session", "create", "tuning", *mounted).done()
            machine.run("session", "delete", "tuning").done()
    said = machine.run("datastore", "delete", *VERSION).done()
    elsewhere = ran and machine.server is not None  # without a server, no other machine has a copy
    assert (SENTENCE in said.splitlines()) is elsewhere
    told = json.loads(machine.run("datastore", "delete", "--name=data", "--version=2", "-o", "json").done())
    assert told["mayHaveCopies"] is elsewhere


def test_many_copies_are_asked_about_at_once(used: Machine) -> None:
    """As many as one request takes, and more."""
    version = _delete_elsewhere(used)
    cache = used.directory / "cache"
    note = (cache / f"{version}.place").read_text()
    for number in range(MAX_IDS + 10):
        (cache / f"{number:032x}.place").write_text(note)
    used.run("datastore").done()
    assert _cache(used) == []
