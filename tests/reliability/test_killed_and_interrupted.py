"""Ctrl-C, kill -9 and bytes that cannot be erased: nothing is half done, and what was begun is finished later."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from acceptance.server import ServerProcess
from acceptance.waiting import wait_until
from reliability.faults import SMALL_PART, SMALL_PARTS, dying, prepared, reading, waiting
from reliability.machine import Machine, Process, finished, folder_of, interrupt

LARGE = 2 * 1024 * 1024  # bytes, an object of its own
_WRITE = "grid_datastores.machine.restore._write"  # of one file of a version, in a folder that is to be its place
# A signal, and the exit code of the command that it ends.
CTRL_C, TERMINATED, HUNG_UP = (signal.SIGINT, 1), (signal.SIGTERM, 143), (signal.SIGHUP, 129)


def _large(machine: Machine) -> Path:
    return folder_of(machine.home, {"0.bin": bytes(LARGE), "1.bin": bytes(LARGE), "a.csv": b"1"}, "large")


def _when(process: Process, seen: Callable[[], object]) -> None:
    """Wait until something is seen, while the command is still under way."""
    wait_until(lambda: seen() or process.poll() is not None, "the command is in the middle")
    assert process.poll() is None, f"it ended too soon: {process.communicate()}"


def _uploading(machine: Machine, tmp_path: Path) -> Process:
    """An upload in the middle: it has read a part of a file, and this machine has written down how to go on."""
    gate, own = tmp_path / uuid4().hex, machine.grid
    machine.grid = reading(tmp_path, gate)
    process = machine.start("datastore", "create", "large", "--name", "data")
    machine.grid = own
    _when(process, gate.exists)
    assert [path for path in (machine.directory / "uploads").glob("*.jsonl") if path.stat().st_size]
    return process


def _writing(machine: Machine, tmp_path: Path, *words: str) -> Process:
    """A command in the middle of writing the files of a version."""
    gate, own = tmp_path / uuid4().hex, machine.grid
    machine.grid = waiting(tmp_path, gate, _WRITE)
    process = machine.start(*words)
    machine.grid = own
    _when(process, gate.exists)
    return process


@pytest.mark.proves("discarded-upload-leaves-nothing")
@pytest.mark.proves("exit-code-of-signals")
def test_ctrl_c_in_a_create_can_be_gone_on_with_or_forgotten(stocked: Machine, tmp_path: Path) -> None:
    before = stocked.state()
    _large(stocked)
    for number, command, (way, code) in ((2, "clearcache", CTRL_C), (3, "resume", TERMINATED)):
        process = _uploading(stocked, tmp_path)
        process.send_signal(way)
        unfinished = f"version {number} of data is incomplete. Resume it with: grid datastore resume"
        finished(process).refused(unfinished, code=code)
        stocked.run("datastore", command).done()
        assert list((stocked.directory / "uploads").iterdir()) == []
        if command == "clearcache":
            stocked.nothing_changed(before)
    assert stocked.phases() == [(1, "SUCCEEDED"), (3, "SUCCEEDED")]


_COUNTS_PARTS = """
from pathlib import Path
from grid_datastores.gateway.connection import Connection
put = Connection.put_part
def counting(self, address, data):
    with Path({log!r}).open("a") as log:
        log.write(f"{{len(data)}}\\n")
    return put(self, address, data)
Connection.put_part = counting
"""


@pytest.mark.proves("stored-parts-not-sent-again")
def test_a_large_file_goes_on_after_the_parts_that_arrived(connected: Machine, tmp_path: Path) -> None:
    folder_of(connected.home, {"a.csv": b"1", "one.bin": bytes(3 * SMALL_PART)}, "large")
    own = connected.grid
    sent = "grid_datastores.gateway.connection:Connection.put_part"
    connected.grid = dying(tmp_path, sent, after=True, also=SMALL_PARTS)
    assert connected.run("datastore", "create", "large", "--name", "data").code == -signal.SIGKILL
    log = tmp_path / "parts"
    connected.grid = prepared(tmp_path, SMALL_PARTS, _COUNTS_PARTS.format(log=str(log)))
    said = connected.run("datastore", "resume").done()
    connected.grid = own
    sent_again = [int(line) for line in log.read_text().split() if int(line) == SMALL_PART]
    assert len(sent_again) in (0, 1, 2)  # several parts were under way
    assert f"{2.1 * (3 - len(sent_again)):.1f} MB already stored, " in said
    assert connected.phases() == [(1, "SUCCEEDED")]


@pytest.mark.parametrize(("way", "code"), [CTRL_C, TERMINATED, HUNG_UP])
def test_a_signal_ends_a_resume_of_several(embedded: Machine, tmp_path: Path, way: int, code: int) -> None:
    folder_of(embedded.home, {"a.csv": b"1"})
    own, finishing, gate = (
        embedded.grid,
        "grid_datastores.gateway.embedded:EmbeddedDatastores.finish",
        tmp_path / "gate",
    )
    embedded.grid = dying(tmp_path, finishing, after=False)
    for _ in range(2):
        assert embedded.run("datastore", "create", "source", "--name", "data").code == -signal.SIGKILL
    embedded.grid = waiting(tmp_path, gate, finishing)
    process = embedded.start("datastore", "resume")
    _when(process, gate.exists)
    process.send_signal(way)
    finished(process).refused("Interrupted.", "Resume it with: grid datastore resume", code=code)
    embedded.grid = own
    embedded.run("datastore", "resume").done()
    assert embedded.phases() == [(1, "SUCCEEDED"), (2, "SUCCEEDED")]


@pytest.mark.proves("exit-code-of-signals")
@pytest.mark.parametrize(("way", "code"), [CTRL_C, TERMINATED, HUNG_UP])
def test_a_signal_in_a_fetch_is_told_in_the_exit_code(embedded: Machine, way: int, code: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/data.zip"
        process = embedded.start("datastore", "create", url, env={"GRID_ALLOW_SOURCE_HOSTS": "127.0.0.1"})
        silent.settimeout(30)
        connection, _ = silent.accept()
        assert connection.recv(16)
        interrupt(process, way)
        finished(process).refused("Interrupted", code=code)
        connection.close()


@pytest.mark.proves("exit-code-of-signals")
@pytest.mark.parametrize(("way", "code"), [CTRL_C, TERMINATED, HUNG_UP])
def test_ctrl_c_in_a_download_leaves_no_folder(machine: Machine, tmp_path: Path, way: int, code: int) -> None:
    machine.create(_large(machine))
    before = machine.state()
    process = _writing(machine, tmp_path, "datastore", "download", "--name", "data", "--version", "1")
    assert list(machine.home.glob(".data-1.*"))
    process.send_signal(way)
    finished(process).refused("Interrupted", code=code)
    assert sorted(path.name for path in machine.home.iterdir() if path.name != ".grid") == ["large"]
    machine.nothing_changed(before)


def test_a_run_that_is_terminated_while_it_mounts_holds_nothing(connected: Machine, tmp_path: Path) -> None:
    connected.create(_large(connected))
    mount = ("--datastore_name", "data", "--datastore_version", "1")
    process = _writing(connected, tmp_path, "run", "--name", "r", *mount, "--", "true")
    assert _files(connected.directory / "cache")
    process.send_signal(signal.SIGTERM)
    finished(process).refused("Interrupted", code=128 + signal.SIGTERM)
    assert _files(connected.directory / "cache") == []
    connected.run("datastore", "delete", "--name", "data", "--version", "1").done()


def _files(folder: Path) -> list[Path]:
    """Those of `_large` that are anywhere below."""
    return [path for path in folder.rglob("*.*") if path.suffix in (".bin", ".csv")]


def _lock(machine: Machine) -> sqlite3.Connection:
    """Another writer that holds the catalog: a command that wants to write waits for it."""
    place = machine.server.folder if machine.server else machine.directory
    catalog = sqlite3.connect(place / "data" / "catalog.sqlite", isolation_level=None)
    catalog.execute("BEGIN IMMEDIATE")
    return catalog


def test_ctrl_c_in_a_delete_that_waits_deletes_nothing_or_all_of_it(embedded: Machine) -> None:
    embedded.create(folder_of(embedded.home, {"a": b"1"}))
    before = embedded.state()
    lock = _lock(embedded)
    process = embedded.start("datastore", "delete", "--name", "data", "--version", "1")
    catalog = str(embedded.directory / "data" / "catalog.sqlite")
    _when(process, lambda: catalog in _open_files(process))
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    lock.execute("ROLLBACK")
    lock.close()
    said = finished(process)
    if said.code == 0:  # it was too late: it is deleted, and says so
        assert embedded.phases() == []
        return
    said.refused("Interrupted")
    embedded.nothing_changed(before)


def _open_files(process: Process) -> set[str]:
    try:
        return {str(fd.readlink()) for fd in Path(f"/proc/{process.pid}/fd").iterdir()}
    except OSError:
        return set()


def test_ctrl_c_at_a_server_that_does_not_answer_is_told(embedded: Machine) -> None:
    folder_of(embedded.home, {"a": b"1"})
    commands = [
        ("datastore",),
        ("datastore", "delete", "--name=data", "--version=1"),
        ("datastore", "create", "source"),
    ]
    for words in commands:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            process = embedded.start(*words, env={"GRID_URL": url, "GRID_USER_ID": "a", "GRID_API_KEY": "b"})
            silent.settimeout(30)
            connection, _ = silent.accept()
            assert connection.recv(16)
            process.send_signal(signal.SIGINT)
            finished(process).refused("Interrupted")
            connection.close()


@pytest.mark.proves("exit-code-of-serve")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_server_ends_at_once_also_with_an_upload_in_the_middle(own_server: ServerProcess, number: int) -> None:
    user = own_server.add_user("ana")
    with httpx.Client(base_url=own_server.url, auth=user) as http:
        made = http.post("/v1/core/local/datastores", json={"name": "data", "spec": {}}).json()
        body = {"objects": [{"key": "a", "partCount": "1"}]}
        path = f"/v1/core/local/datastores/{made['id']}/presigned-urls"
        target = http.post(path, json=body).json()["objects"][0]["urls"][0]["url"]
    url = urlsplit(target)
    with socket.create_connection((url.hostname, url.port), timeout=30) as connection:
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 1000000\r\n\r\nhalf"
        connection.sendall(head.encode())
        wait_until(lambda: list((own_server.data / made["id"]).iterdir()), "the part is under way")
        process = own_server._process
        assert process
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in out + (own_server.folder / "serve.log").read_text()
    own_server.start()
    with httpx.Client(base_url=own_server.url, auth=user) as http:
        assert http.delete(f"/v1/core/local/datastores/{made['id']}").is_success


@pytest.mark.proves("interrupted-upload-is-uploading")
def test_a_killed_client_leaves_a_version_that_can_be_seen_and_deleted(machine: Machine, tmp_path: Path) -> None:
    _large(machine)
    process = _uploading(machine, tmp_path)
    process.send_signal(signal.SIGKILL)
    assert finished(process).code == -signal.SIGKILL
    assert machine.phases() == [(1, "UNSPECIFIED")]
    shown = machine.run("datastore", "show", "--name", "data", "--version", "1").done()
    assert re.search(r"^Phase: +uploading$", shown, re.MULTILINE), shown
    (held,) = [machine.storage / item["id"] for item in machine.listing()]
    machine.run("datastore", "download", "--name", "data", "--version", "1").refused("not available")
    machine.run("datastore", "delete", "--name", "data", "--version", "1").done()
    wait_until(lambda: not held.exists(), "no byte of it is left")
    machine.run("datastore", "resume").refused("cannot be resumed: the version is deleted")
    assert machine.create(folder_of(machine.home, {"a": b"1"})) == 2


def _catalog(place: Path) -> sqlite3.Connection:
    return sqlite3.connect(place / "data" / "catalog.sqlite", isolation_level=None)


def _immovable(folder: Path) -> None:
    """Let nobody erase this folder: it holds what cannot be unlinked. Root needs another way than others."""
    if os.geteuid() == 0:
        (folder / "mounted").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder / "mounted"], check=True)
    else:
        folder.chmod(0o500)


def _movable(folder: Path) -> None:
    if os.geteuid() == 0:
        subprocess.run(["umount", folder / "mounted"], check=True)
    else:
        folder.chmod(0o700)


def test_bytes_that_a_killed_command_left_are_erased_by_the_next(embedded: Machine) -> None:
    embedded.create(folder_of(embedded.home, {"a": b"1"}))
    (held,) = embedded.storage.iterdir()
    _immovable(held)
    try:
        process = embedded.start("datastore", "delete", "--name", "data", "--version", "1")
        assert process.stdout
        assert process.stdout.readline().startswith("Deleted version 1 of data")
        process.kill()
        process.communicate()
        assert held.exists()
        assert json.loads(embedded.run("datastore", "-o", "json").out) == [], "it is deleted, though its bytes are not"
        assert held.exists()
    finally:
        _movable(held)
    embedded.run("datastore").done()
    assert list(embedded.storage.iterdir()) == []
    history = embedded.run("datastore", "show", "--name", "data", "--version", "1").done()
    assert history.count("bytes gone by removal") == 1


def test_bytes_that_a_killed_server_left_are_erased_by_the_next(own_server: ServerProcess, embedded: Machine) -> None:
    machine = Machine(embedded.grid, embedded.home, own_server, own_server.add_user("ana"))
    machine.create(folder_of(machine.home, {"a": b"1"}))
    (held,) = own_server.data.iterdir()
    _immovable(held)
    try:
        machine.run("datastore", "delete", "--name", "data", "--version", "1").done()
        log = own_server.folder / "serve.log"
        wait_until(lambda: "could not be erased: " in log.read_text(), "it was tried")
        line = (
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 WARNING grid_datastores\.service\.removal: the bytes of .*"
        )
        assert re.fullmatch(line, log.read_text().splitlines()[-1])
        own_server.kill()
    finally:
        _movable(held)
    assert held.exists()
    own_server.start()
    wait_until(lambda: not held.exists(), "no byte is left")

    def told() -> bool:
        return "bytes gone" in machine.run("datastore", "show", "--name", "data", "--version", "1").done()

    wait_until(told, "the moment is recorded")


def test_one_version_that_cannot_be_erased_does_not_keep_the_others(embedded: Machine) -> None:
    folder = folder_of(embedded.home, {"a": b"1"})
    embedded.create(folder)
    (stuck,) = embedded.storage.iterdir()
    embedded.create(folder)
    _immovable(stuck)
    try:
        said = embedded.run("datastore", "delete", "--name", "data", "--version", "1", "--version", "2")
        assert said.code == 0, said
        assert list(embedded.storage.iterdir()) == [stuck]
    finally:
        _movable(stuck)
    embedded.run("datastore").done()
    assert list(embedded.storage.iterdir()) == []
