"""An interrupted upload is found at its place, however that is typed, and forgotten only once it is dropped there."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from acceptance.server import ServerProcess
from reliability.faults import dying, prepared
from reliability.machine import Machine, folder_of
from reliability.nonsense import serving
from reliability.test_bad_servers import ONE_VERSION

NONE = "There is no interrupted upload to resume"
# The files are read, but the server cannot be asked any more.
_LOSES_SERVER = """
from grid_datastores.gateway.http import HttpDatastores
from grid_datastores.domain.errors import Unreachable
def lost(*given, **named):
    raise Unreachable("No server answers.")
HttpDatastores.abandon = lost
"""


def _interrupt(machine: Machine, tmp_path: Path, env: Mapping[str, str] | None = None) -> None:
    """Kill an upload to `data` when its one object has arrived."""
    folder_of(machine.home, {"a.csv": b"1,2\n"})
    own = machine.grid
    machine.grid = dying(tmp_path, "grid_datastores.machine.upload_journal:Journal.record", after=True)
    assert machine.run("datastore", "create", "source", "--name", "data", env=env).code == -signal.SIGKILL
    machine.grid = own


def _journals(machine: Machine) -> list[Path]:
    return list((machine.directory / "uploads").glob("*.jsonl"))


@pytest.fixture
def served(grid: str, tmp_path: Path, own_server: ServerProcess) -> Machine:
    """A machine that works on a server which can be stopped."""
    home = tmp_path / "ana"
    home.mkdir()
    return Machine(grid, home, own_server, own_server.add_user("ana"))


def test_a_folder_that_was_typed_from_here_is_the_same_folder(embedded: Machine, tmp_path: Path) -> None:
    _interrupt(embedded, tmp_path, {"GRID_DIR": "./.grid"})
    said = embedded.run("datastore", "resume").done()
    assert said.startswith("Finished version 1 of data: 4 bytes already stored")
    assert embedded.phases() == [(1, "SUCCEEDED")]


@pytest.mark.proves("place-is-the-same-at-another-address")
def test_a_folder_that_was_moved_is_the_same_folder(embedded: Machine, tmp_path: Path) -> None:
    _interrupt(embedded, tmp_path)
    moved = {"GRID_DIR": str(tmp_path / "moved")}
    shutil.move(embedded.directory, moved["GRID_DIR"])
    assert embedded.run("datastore", "resume", env=moved).done().startswith("Finished version 1 of data")


@pytest.mark.proves("place-is-the-same-at-another-address")
def test_another_name_of_a_server_is_the_same_server(connected: Machine, tmp_path: Path) -> None:
    assert connected.server
    _interrupt(connected, tmp_path)
    other = {"GRID_URL": connected.server.url.replace("127.0.0.1", "localhost")}
    assert connected.run("datastore", "clearcache", env=other).done().startswith("Discarded 1 interrupted upload and")
    assert connected.phases() == []


def test_the_name_of_a_user_is_the_same_user(connected: Machine, tmp_path: Path) -> None:
    assert connected.server
    name = f"ana-{uuid4().hex[:8]}"
    connected.user = connected.server.add_user(name)
    _interrupt(connected, tmp_path, {"GRID_USER_ID": name})
    assert connected.run("datastore", "resume").done().startswith("Finished version 1 of data")


@pytest.mark.proves("upload-stays-while-server-is-away", "discarded-only-when-its-place-agrees")
@pytest.mark.parametrize("command", ["clearcache", "resume"])
def test_an_upload_stays_while_its_server_is_away(served: Machine, tmp_path: Path, command: str) -> None:
    assert served.server
    _interrupt(served, tmp_path)
    served.server.stop()
    said = served.run("datastore", command)
    said.refused("No server answers at")
    if command == "clearcache":
        assert said.out == "Discarded 0 interrupted uploads and removed the files of 0 versions.\n"
        assert said.err.startswith("Error: 1 interrupted upload was not discarded: No server answers")
    assert len(_journals(served)) == 1
    served.server.start()
    assert served.phases() == [(1, "UNSPECIFIED")]
    said_then = served.run("datastore", command).done()
    assert said_then.startswith("Discarded 1" if command == "clearcache" else "Finished version 1")
    assert served.phases() == ([] if command == "clearcache" else [(1, "SUCCEEDED")])
    assert _journals(served) == []


def test_copies_are_cleared_also_while_the_server_is_away(served: Machine) -> None:
    assert served.server
    served.create(folder_of(served.home, {"a.txt": b"hello"}))
    served.run("run", "--name=r", "--datastore_name=data", "--datastore_version=1", "--", "true").done()
    served.server.stop()
    assert served.run("datastore", "clearcache").done().endswith("removed the files of 1 version.\n")


@pytest.mark.proves("uploads-of-one-user-to-one-place")
@pytest.mark.parametrize("command", ["clearcache", "resume"])
def test_an_upload_of_another_user_is_left_and_counted(connected: Machine, tmp_path: Path, command: str) -> None:
    assert connected.server
    _interrupt(connected, tmp_path)
    ben = connected.server.add_user(f"ben-{uuid4().hex[:8]}")
    as_ben = {"GRID_USER_ID": ben.user_id, "GRID_API_KEY": ben.api_key}
    left = f"1 interrupted upload belongs to another place or user and was not touched: {connected.server.url}\n"
    first = (
        "Discarded 0 interrupted uploads and removed the files of 0 versions."
        if command == "clearcache"
        else f"{NONE}."
    )
    assert connected.run("datastore", command, env=as_ben).done() == f"{first}\n{left}"
    assert connected.phases() == [(1, "UNSPECIFIED")]
    assert connected.run("datastore", "resume").done().startswith("Finished version 1")


@pytest.mark.proves("uploads-of-one-user-to-one-place")
def test_an_upload_to_another_place_is_left_and_counted(connected: Machine, tmp_path: Path) -> None:
    assert connected.server
    _interrupt(connected, tmp_path)
    said = connected.run("datastore", "clearcache", env={"GRID_URL": ""}).done()
    assert said.splitlines()[1].endswith(f"was not touched: {connected.server.url}")
    assert connected.run("datastore", "clearcache").done().startswith("Discarded 1 interrupted upload and")


def _rewrite(machine: Machine, place: str) -> None:
    """Write the journal as an earlier release did: the place by its address, files without attributes."""
    [journal] = _journals(machine)
    head, *lines = (json.loads(line) for line in journal.read_text().splitlines())
    old = {name: value for name, value in head.items() if name != "words"} | {"place": place}
    rows = [{"object": line["object"], "files": [row[:4] for row in line["files"]]} for line in lines]
    journal.write_text("".join(f"{json.dumps(line)}\n" for line in [old, *rows]))


@pytest.mark.parametrize("command", ["clearcache", "resume"])
def test_an_upload_of_an_earlier_release_is_found(machine: Machine, tmp_path: Path, command: str) -> None:
    _interrupt(machine, tmp_path)
    _rewrite(machine, machine.server.url if machine.server else "this machine (.grid/data)")
    said = machine.run("datastore", command).done()
    assert said.startswith("Discarded 1 interrupted upload and" if command == "clearcache" else "Finished version 1")
    assert _journals(machine) == []
    assert machine.phases() == ([] if command == "clearcache" else [(1, "SUCCEEDED")])


def test_an_upload_of_an_earlier_release_is_not_taken_for_ones_own(connected: Machine, tmp_path: Path) -> None:
    """It does not say whose it is: another user has no such version, or another one of that name and number."""
    assert connected.server
    _interrupt(connected, tmp_path)
    _rewrite(connected, connected.server.url)
    ben = connected.server.add_user(f"ben-{uuid4().hex[:8]}")
    as_ben = {"GRID_USER_ID": ben.user_id, "GRID_API_KEY": ben.api_key}
    for _ in range(2):
        said = connected.run("datastore", "clearcache", env=as_ben)
        said.refused("1 interrupted upload was not discarded", "has no upload of version 1 of data by you", ".jsonl")
        connected.run("datastore", "resume", env=as_ben).refused("has no upload of version 1 of data by you")
        connected.run("datastore", "create", "source", "--name=data", env=as_ben).done()
    assert connected.phases() == [(1, "UNSPECIFIED")]
    assert connected.run("datastore", "resume").done().startswith("Finished version 1")


def test_an_upload_that_its_place_does_not_know_any_more_is_forgotten(embedded: Machine, tmp_path: Path) -> None:
    """The catalog was put back from a copy that is older than the upload."""
    first = folder_of(embedded.home, {"b.csv": b"1"}, "first")
    embedded.create(first)
    data = embedded.directory / "data"
    shutil.copytree(data, tmp_path / "backup")
    _interrupt(embedded, tmp_path)
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "backup", data)
    assert embedded.create(first) == 2  # the number of the upload, and another version
    said = embedded.run("datastore", "resume")
    said.refused(
        "The upload of version 2 of data cannot be resumed: the version no longer exists. Upload the files again."
    )
    assert _journals(embedded) == []
    assert embedded.phases() == [(1, "SUCCEEDED"), (2, "SUCCEEDED")]


def test_an_upload_that_fails_and_cannot_be_dropped_is_kept_and_told(connected: Machine, tmp_path: Path) -> None:
    folder_of(connected.home, {"a.csv": b"1,2\n"})
    own = connected.grid
    fails = (
        'import grid_datastores.machine.uploads as t\ndef fails(*given):\n    raise t.SourceFailed("a.csv is gone.")\n'
    )
    connected.grid = prepared(tmp_path, f"{_LOSES_SERVER}{fails}t._check_unchanged = fails\n")
    said = connected.run("datastore", "create", "source", "--name", "data")
    said.refused("The upload of version 1 of data failed: a.csv is gone. It could not be discarded: No server answers.")
    assert said.err.endswith("Discard it with: grid datastore clearcache\n")
    connected.grid = own
    assert connected.phases() == [(1, "UNSPECIFIED")]
    assert connected.run("datastore", "clearcache").done().startswith("Discarded 1 interrupted upload and")
    assert connected.phases() == []


@pytest.mark.proves("discarded-only-when-its-place-agrees")
def test_what_a_server_refuses_to_drop_is_left(embedded: Machine, tmp_path: Path) -> None:
    """A server of Grid's own API knows no such request."""
    with serving() as server:
        embedded.extra = {"GRID_URL": server.url, "GRID_USER_ID": "ana", "GRID_API_KEY": "key"}
        server.special["/v1/auth/user"] = b'{"id": "ana"}'
        uploading = {**ONE_VERSION, "status": {"phase": "DATASTORE_OPTIMIZATION_STATUS_UNSPECIFIED"}}
        server.body = json.dumps(uploading | {"datastores": [uploading], "objects": []}).encode()
        folder_of(embedded.home, {"a.csv": b"1"})
        embedded.run("datastore", "create", "source", "--name", "data").refused("Resume it with: grid datastore resume")
        server.special["/upload"] = b"no such request"
        said = embedded.run("datastore", "clearcache")
        said.refused("1 interrupted upload was not discarded", "version 1 of data: ", "is not valid")
        assert len(_journals(embedded)) == 1
        server.body = b'{"datastores": []}'
        assert embedded.run("datastore", "clearcache").done().startswith("Discarded 1 interrupted upload and")


def test_a_server_keeps_its_id(own_server: ServerProcess, served: Machine) -> None:
    with httpx.Client(base_url=own_server.url, auth=served.user) as http:
        before = http.get("/v1/auth/user").json()["placeId"]
        own_server.stop()
        own_server.start()
        assert http.get("/v1/auth/user").json()["placeId"] == before
