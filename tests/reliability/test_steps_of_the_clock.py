"""Real processes whose clock is set with libfaketime: nothing ends or is erased earlier for that."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import httpx
import pytest

from acceptance.server import ServerProcess, trusted
from acceptance.waiting import wait_until
from debian import needed
from faketime import find_faketime, missing
from reliability.hostile import Client
from reliability.machine import Machine, Said, finished, folder_of

_VERSION = ("--name", "data", "--version", "1")
_RUN = ("run", "--name", "nightly", "--datastore_name", "data", "--datastore_version", "1", "--")
_READ = ("sh", "-c", "echo began; read line; cat $GRID_DATASTORE_DATA/a.txt")
_RUNS = "/v1/core/local/runs"
_found = cache(find_faketime)


def _faked(monotonic: bool, **how: str) -> dict[str, str]:
    """The environment of a process whose clock is set. Really, only the wall clock can be set."""
    library = _found()
    if library is None:
        assert not needed(), missing()
        pytest.skip(missing())
    return {"LD_PRELOAD": library, **({} if monotonic else {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}), **how}


def _at(machine: Machine, step: str, monotonic: bool, *words: str) -> Said:
    return finished(machine.execute(*words, env=_faked(monotonic, FAKETIME=step)))


@pytest.mark.parametrize(("step", "monotonic"), [("+1h", True), ("-1h", False)])
def test_a_command_whose_clock_is_wrong_deletes_nothing_beside_a_living_run(
    embedded: Machine, step: str, monotonic: bool
) -> None:
    assert embedded.create(folder_of(embedded.home, {"a.txt": b"hello"})) == 1
    with embedded.start(*_RUN, *_READ, stdin=-1) as run:
        assert run.stdout
        assert run.stdout.readline() == "began\n"
        shown = json.loads(_at(embedded, step, monotonic, "datastore", "show", *_VERSION, "-o", "json").done())
        assert [holder["name"] for holder in shown["holders"]] == ["nightly"]
        _at(embedded, step, monotonic, "datastore", "delete", *_VERSION).refused("in use by Run nightly")
        assert finished(run) == Said(0, "hello", "")


def test_a_command_whose_clock_is_wrong_deletes_nothing_beside_a_run_on_the_server(
    embedded: Machine, own_server: ServerProcess
) -> None:
    """Both work on one folder. The second command finds the lease as a heartbeat has left it after the first."""
    beside = replace(embedded, extra={"GRID_DIR": str(own_server.folder)})
    client = Client(own_server, own_server.add_user("ana"))
    with client.http:
        path = client.begin()
        client.send(path, b"1,2\n")
        assert client.finish(path)[0] == "SUCCEEDED"
        run = _begin_run(client, {"id": path.rpartition("/")[2], "mountPath": "/data"})
        for _ in range(2):
            client.http.post(f"{run}/heartbeat").raise_for_status()
            _at(beside, "+1h", False, "datastore", "delete", *_VERSION).refused("in use by Run nightly")
        assert _seen(client, run)["phase"] == "RUN_STATE_RUNNING"


@pytest.mark.parametrize("step", ["+25h", "-25h"])
def test_an_upload_to_a_server_whose_clock_is_set_goes_on(new_server: ServerProcess, tmp_path: Path, step: str) -> None:
    """The server looks for what has expired each second, because a Run has a lease of two."""
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    faked = _faked(monotonic=False, FAKETIME_TIMESTAMP_FILE=str(clock), FAKETIME_NO_CACHE="1")
    new_server.operated = {"GRID_LEASE": "2", **faked}
    new_server.start(typed=True)
    client = Client(new_server, new_server.add_user("ana"))
    with client.http:
        path = client.begin()
        first, _second = client.announce(path, parts="2")["urls"]
        etag = httpx.put(first["url"], content=b"1,2\n", verify=trusted()).raise_for_status().headers["etag"]
        before = datetime.now(UTC)
        clock.write_text(f"{step}\n")
        dead = _begin_run(client)
        jumped = datetime.fromisoformat(_seen(client, dead)["startTimestamp"]) - before
        assert abs(jumped) > timedelta(hours=24)
        wait_until(lambda: _seen(client, dead)["phase"] == "RUN_STATE_FAILED", "the server has looked")
        again = client.announce(path, parts="2")
        assert [url.get("etag") for url in again["urls"]] == [etag, None]
        sent = httpx.put(again["urls"][1]["url"], content=b"3,4\n", verify=trusted()).raise_for_status()
        parts = [{"partNumber": "1", "etag": etag}, {"partNumber": "2", "etag": sent.headers["etag"]}]
        done = {"objects": [{"key": "a.csv", "uploadId": again["uploadId"], "urls": parts}]}
        client.http.post(f"{path}/presigned-urls/completed", json=done).raise_for_status()
        assert client.finish(path)[0] == "SUCCEEDED"


def _begin_run(client: Client, *mounts: dict[str, str]) -> str:
    """A Run that has to send heartbeats; its path."""
    body = {"name": "nightly", "spec": {"datastores": mounts, "leased": True}}
    return f"{_RUNS}/{client.http.post(_RUNS, json=body).raise_for_status().json()['id']}"


def _seen(client: Client, run: str) -> dict[str, str]:
    return dict(client.http.get(run).raise_for_status().json()["status"])
