"""Completion at the Tab key: what there is, from where it is, without a trace and without a wait."""

from __future__ import annotations

import json
import socket

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


def test_names_complete(used: Machine) -> None:
    assert _completed(used, "datastore", "delete", "--name", "d") == ["plain,data"]
    assert _completed(used, "datastore", "create", "x", "--name", "d") == ["plain,data"]
    assert [item.split(",")[0] for item in _completed(used, "datastore", "create", "s")] == ["file"]
    for command in ("pause", "resume", "delete"):
        assert _completed(used, "session", command, "t") == ["plain,tuning"]
    assert _completed(used, "cancel", "t") == []
    script = '_GRID_COMPLETE=bash_complete COMP_WORDS="grid cancel n" COMP_CWORD=2 exec "$0"'
    assert used.run("run", "--name=nightly", *_MOUNT, "sh", "-c", script, used.grid).done() == "plain,nightly\n"


def test_completing_leaves_no_trace(embedded: Machine) -> None:
    assert _completed(embedded, "datastore", "show", "--name", "d") == []
    assert not embedded.directory.exists()


def test_completing_erases_nothing(embedded: Machine) -> None:
    embedded.create(folder_of(embedded.home, {"a": b"1"}))
    (embedded.directory / "data" / "kept").touch()
    before = sorted(path for path in embedded.directory.rglob("*") if "catalog" not in path.name)
    assert _completed(embedded, "datastore", "show", "--name", "d", LOGNAME="ben") == []
    users = embedded.run("datastore", "-o", "json").done()
    assert len(json.loads(users)) == 1
    assert sorted(path for path in embedded.directory.rglob("*") if "catalog" not in path.name) == before


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
