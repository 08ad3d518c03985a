"""A command with settings of its own on a folder that others work in: it decides nothing for them."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from acceptance.server import ServerProcess, trusted
from acceptance.waiting import wait_until
from reliability.faults import Clocks, let_through, prepared, reading
from reliability.hostile import Client
from reliability.machine import Machine, finished, folder_of

_LONG = {"GRID_LEASE": "600", "GRID_UPLOAD_EXPIRY": "86400"}
_SHORT = {"GRID_LEASE": "1", "GRID_UPLOAD_EXPIRY": "1"}
_NAMED = ("--name", "data", "--version", "1")
_OWN = ("--name", "own", "--version", "1")
_MOUNT = ("--datastore_name", "own", "--datastore_version", "1")
_COMMANDS = (
    ("datastore",),
    ("datastore", "show", *_NAMED),
    ("datastore", "files", *_NAMED),
    ("datastore", "download", *_NAMED, "--to", "copy"),
    ("datastore", "delete", *_NAMED, "--dry-run"),
    ("datastore", "create", "source", "--name", "own"),
    ("datastore", "resume"),
    ("datastore", "clearcache"),
    ("session",),
    ("session", "create", "looking", *_MOUNT),
    ("session", "pause", "looking"),
    ("session", "resume", "looking"),
    ("session", "delete", "looking"),
    ("status",),
    ("status", "--all"),
    ("user", "list"),
    ("user", "add", "cem"),
    ("user", "key", "cem"),
    ("run", "--name", "short", *_MOUNT, "--", "true"),
    ("cancel", "short"),
    ("datastore", "delete", *_OWN),
)


class _Served:
    """A server with long times, a Run with a lease, and an upload of which one of two parts has arrived."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.client = Client(server, server.add_user("ana"))
        self.version = self.client.begin()
        self.client.send(self.version, b"1")
        assert self.client.finish(self.version)[0] == "SUCCEEDED"
        self.upload = self.client.begin()
        parts = self.client.announce(self.upload, parts="2")["urls"]
        httpx.put(parts[0]["url"], content=b"1", verify=trusted()).raise_for_status()
        mounted = [{"id": self.version.rpartition("/")[2]}]
        body = {"name": "nightly", "spec": {"datastores": mounted, "leased": True}}
        self.run = self.client.http.post("/v1/core/local/runs", json=body).raise_for_status().json()["id"]

    def state(self) -> dict[str, Any]:
        """The Run, the upload and the version, as the API shows them and as the catalog stores them."""
        api = [self.client.http.get(path).raise_for_status().json() for path in (self.version, self.upload)]
        run = self.client.http.get(f"/v1/core/local/runs/{self.run}").raise_for_status().json()
        with closing(sqlite3.connect(self.server.folder / "data" / "catalog.sqlite")) as catalog:
            times = [
                catalog.execute("SELECT * FROM workloads WHERE id = ?", (self.run,)).fetchall(),
                catalog.execute("SELECT * FROM versions WHERE id = ?", (self.upload.rpartition("/")[2],)).fetchall(),
            ]
        stored = sorted(path.name for path in (self.server.data / self.upload.rpartition("/")[2]).iterdir())
        return {"api": api, "run": run, "times": times, "stored": stored}

    def expiry(self) -> int:
        """The upload's own, in seconds; a start of the server says only when it was active last."""
        query = "SELECT expiry_seconds FROM versions WHERE id = ?"
        return int(_stored(self.server, query, self.upload.rpartition("/")[2]))


@pytest.fixture
def served(own_server: ServerProcess) -> Iterator[_Served]:
    own_server.operate(_LONG)
    made = _Served(own_server)
    yield made
    made.client.http.close()


def test_no_command_ends_what_a_server_with_other_settings_lets_live(served: _Served, embedded: Machine) -> None:
    folder_of(embedded.home, {"a": b"1"})
    embedded.extra = {"GRID_DIR": str(served.server.folder), **_SHORT}
    before = served.state()
    began = time.monotonic()
    for words in _COMMANDS:
        said = embedded.run(*words)
        assert "Traceback" not in said.err, said
        assert served.state() == before, words
    wait_until(lambda: time.monotonic() > began + 1, "a short lease would have expired")
    for words in _COMMANDS[:3]:
        embedded.run(*words)
        assert served.state() == before, words
    answer = served.client.http.delete(served.version)
    assert answer.status_code == 409, answer.text
    served.server.stop()
    served.server.operated = {}  # its next start has yet other settings
    served.server.start()
    assert served.state()["api"] == before["api"]
    assert served.expiry() == 86400
    assert served.client.http.delete(served.version).status_code == 409


_EXPIRY = 100  # seconds


@pytest.fixture
def clocks(tmp_path: Path) -> Clocks:
    """Those of all that takes part."""
    return Clocks(tmp_path)


def test_a_file_that_takes_longer_than_the_expiry_arrives(embedded: Machine, tmp_path: Path, clocks: Clocks) -> None:
    """Other commands run meanwhile, which drop uploads that have expired."""
    gate = tmp_path / "gate"
    folder_of(embedded.home, {"large.bin": bytes(4 * 1024 * 1024)})
    embedded.extra = {"GRID_UPLOAD_EXPIRY": str(_EXPIRY)}
    embedded.grid = reading(tmp_path, gate, also=clocks.code)
    with embedded.start("datastore", "create", "source", "--name", "data") as upload:
        embedded.grid = prepared(tmp_path, clocks.code)
        try:
            for _ in range(4):
                wait_until(lambda: gate.exists() or upload.poll() is not None, "the next megabyte is read")
                clocks.go(0.6 * _EXPIRY)
                assert embedded.phases() == [(1, "UNSPECIFIED")], "it is uploading"
                gate.unlink()
            let_through(gate, upload)
            assert finished(upload).done().startswith("Created version 1 of data")
        finally:
            upload.kill()
    assert embedded.phases() == [(1, "SUCCEEDED")]


def test_a_part_that_takes_longer_than_the_expiry_arrives(
    own_server: ServerProcess, embedded: Machine, tmp_path: Path, clocks: Clocks
) -> None:
    embedded.grid = own_server.grid = prepared(tmp_path, clocks.code)
    own_server.operate({"GRID_UPLOAD_EXPIRY": str(_EXPIRY)})
    client = Client(own_server, own_server.add_user("ana"))
    version = client.begin()
    upload = client.announce(version)
    embedded.extra = {"GRID_DIR": str(own_server.folder)}

    active_at = partial(_stored, own_server, "SELECT active_at FROM versions")

    def slowly() -> Iterator[bytes]:
        for _ in range(4):
            clocks.go(0.6 * _EXPIRY)
            before = active_at()
            yield bytes(64 * 1024)
            wait_until(lambda before=before: active_at() != before, "they have arrived")
            embedded.run("datastore").done()
            phase = client.http.get(version).raise_for_status().json()["status"]["phase"]
            assert phase == "DATASTORE_OPTIMIZATION_STATUS_UNSPECIFIED", phase

    answer = httpx.put(upload["urls"][0]["url"], content=slowly(), verify=trusted(), timeout=60).raise_for_status()
    part = {"partNumber": "1", "etag": answer.headers["etag"]}
    completed = {"key": "a.csv", "uploadId": upload["uploadId"], "urls": [part]}
    client.http.post(f"{version}/presigned-urls/completed", json={"objects": [completed]}).raise_for_status()
    assert client.finish(version)[0] == "SUCCEEDED"
    client.http.close()


def test_a_server_does_not_fail_a_run_that_lives_on_its_machine(own_server: ServerProcess, embedded: Machine) -> None:
    """Its `grid run` is held up for longer than its lease, as by a machine that swaps."""
    own_server.operate({"GRID_LEASE": "1"})
    embedded.extra = {"GRID_DIR": str(own_server.folder), "GRID_LEASE": "1"}
    embedded.create(folder_of(embedded.home, {"a": b"1"}), "own")
    work = "touch began; while [ ! -e stop ]; do sleep 0.05; done"
    run = embedded.start("run", "--name", "held-up", *_MOUNT, "--", "sh", "-c", work)
    try:
        wait_until((embedded.home / "began").exists, "the command works")
        run.send_signal(signal.SIGSTOP)
        served = _Served(own_server)  # its Run sends no heartbeat, and is given up
        wait_until(lambda: _state(own_server, "nightly") == "failed", "the server has ended the other Run")
        assert _state(own_server, "held-up") == "running"
        served.client.http.close()
    finally:
        run.send_signal(signal.SIGCONT)
        (embedded.home / "stop").touch()
    assert finished(run).code == 0


def _state(server: ServerProcess, run: str) -> str:
    """As the catalog stores it; a command would look after the Run."""
    return _stored(server, "SELECT state FROM workloads WHERE name = ?", run)


def _stored(server: ServerProcess, query: str, *given: str) -> str:
    with closing(sqlite3.connect(server.folder / "data" / "catalog.sqlite")) as catalog:
        return str(catalog.execute(query, given).fetchone()[0])
