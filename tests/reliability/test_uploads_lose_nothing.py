"""Whatever happens to an upload's client, a version that was finished stays, and two clients leave each other alone."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from acceptance.waiting import wait_until
from reliability.faults import dying, prepared, waiting
from reliability.machine import Machine, finished, folder_of

FINISH = (
    "grid_datastores.gateway.embedded:EmbeddedDatastores.finish",
    "grid_datastores.gateway.http:HttpDatastores.finish",
)
FORGET = (
    "grid_datastores.machine.upload_journal:Journal.delete"  # all is finished; the client has still to write that down
)
# Something between client and server answers for the server, once, after all was sent and taken.
_GATEWAY = """
import httpx
real, seen = httpx.Client.send, []
def send(self, request, **how):
    path = request.url.path
    seen.append(path.endswith("/completed") and request.method == "POST" and "presigned" not in path)
    if seen[-2:-1] == [True]:
        return httpx.Response({status}, request=request)
    return real(self, request, **how)
httpx.Client.send = send
"""


def _is_whole(machine: Machine) -> None:
    machine.run("datastore", "download", "--name=data", "--version=1", "--to=back").done()
    assert (machine.home / "back" / "a.csv").read_bytes() == b"1,2\n"


@pytest.fixture
def ready(machine: Machine) -> Machine:
    """A machine with a folder to upload."""
    folder_of(machine.home, {"a.csv": b"1,2\n"})
    return machine


@pytest.mark.parametrize("command", ["clearcache", "resume"])
def test_a_version_that_was_finished_is_not_forgotten_with_its_upload(
    ready: Machine, grid: str, tmp_path: Path, command: str
) -> None:
    ready.grid = dying(tmp_path, FORGET, after=False)
    assert finished(ready.start("datastore", "create", "source", "--name=data")).code == -signal.SIGKILL
    ready.grid = grid
    wait_until(lambda: ready.phases() == [(1, "SUCCEEDED")], "it is finished")
    said = ready.run("datastore", command).done()
    assert "-" not in said.replace("data-", ""), said
    ready.run("datastore").done()  # a removal, if one was queued
    assert ready.phases() == [(1, "SUCCEEDED")]
    _is_whole(ready)


@pytest.mark.parametrize("status", [429, 502, 503, 200])
def test_one_bad_answer_at_the_end_of_an_upload_does_not_undo_it(
    connected: Machine, grid: str, tmp_path: Path, status: int
) -> None:
    folder_of(connected.home, {"a.csv": b"1,2\n"})
    connected.grid = prepared(tmp_path, _GATEWAY.format(status=status))
    said = connected.run("datastore", "create", "source", "--name=data")
    said.refused("version 1 of data is incomplete. Resume it with: grid datastore resume")
    connected.grid = grid
    connected.run("datastore", "resume").done()
    assert connected.phases() == [(1, "SUCCEEDED")]
    _is_whole(connected)


def test_an_upload_that_is_under_way_is_left_alone_by_other_commands(ready: Machine, grid: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    ready.grid = waiting(tmp_path, gate, *FINISH)
    process = ready.start("datastore", "create", "source", "--name=data")
    wait_until(lambda: gate.exists() or process.poll() is not None, "it is about to say its last word")
    ready.grid = grid
    assert "(1 upload still running)" in ready.run("datastore", "resume").done()
    assert "(1 upload still running)" in ready.run("datastore", "clearcache").done()
    gate.unlink()
    finished(process).done()
    _is_whole(ready)


def test_an_upload_that_cannot_go_on_does_not_keep_the_others(ready: Machine, grid: str, tmp_path: Path) -> None:
    folder_of(ready.home, {"b.csv": b"3\n"}, "other")
    ready.grid = dying(tmp_path, *FINISH, after=False)
    for folder in ("source", "other"):
        assert finished(ready.start("datastore", "create", folder, f"--name={folder}")).code == -signal.SIGKILL
    ready.grid = grid
    (ready.home / "source" / "a.csv").write_bytes(b"changed\n")
    said = ready.run("datastore", "resume")
    assert said.code == 1
    assert "Finished version 1 of other" in said.out
    assert "has changed since the upload" in said.err
