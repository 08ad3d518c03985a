"""A Run whose process lives keeps what it reads while the server is away, and when the machine slept."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from acceptance.server import ServerProcess
from acceptance.waiting import wait_until
from reliability.machine import Machine, Process, Said, finished, folder_of

_VERSION = ("--name", "data", "--version", "1")
_RUN = ("run", "--name", "nightly", "--datastore_name", "data", "--datastore_version", "1", "--")
_READ = ("sh", "-c", "echo began; read line; cat $GRID_DATASTORE_DATA/a.txt")


@pytest.fixture
def served(grid: str, tmp_path: Path, own_server: ServerProcess) -> Machine:
    """A machine with a version on a server of its own, which gives Runs two seconds."""
    own_server.operate({"GRID_LEASE": "2"})
    home = tmp_path / "ana"
    home.mkdir()
    machine = Machine(grid, home, own_server, own_server.add_user("ana"))
    assert machine.create(folder_of(home, {"a.txt": b"hello"})) == 1
    return machine


def _lapse(data: Path) -> None:
    """No heartbeat came for long: the server was away, or the machine slept."""
    with sqlite3.connect(data / "catalog.sqlite") as catalog:
        assert catalog.execute("UPDATE workloads SET lease_until = '2020-01-01 00:00:00.000000'").rowcount == 1
    catalog.close()


@pytest.mark.proves("absences-do-not-count")
def test_a_server_that_was_away_longer_than_the_lease_gives_up_no_living_run(served: Machine) -> None:
    server = served.server
    assert server
    with served.start(*_RUN, *_READ, stdin=-1) as run:
        assert run.stdout
        assert run.stdout.readline() == "began\n"
        server.stop()
        _lapse(server.folder / "data")
        server.start()
        served.run("datastore", "delete", *_VERSION).refused("in use by Run nightly")
        said = finished(run)
        assert (said.code, said.out) == (0, "hello"), said
    served.run("datastore", "delete", *_VERSION).done()


@pytest.mark.proves("run-holds-while-its-process-runs")
def test_a_machine_that_slept_gives_up_no_run_whose_process_is_there(embedded: Machine) -> None:
    assert embedded.create(folder_of(embedded.home, {"a.txt": b"hello"})) == 1
    data = embedded.directory / "data"
    with embedded.start(*_RUN, *_READ, stdin=-1) as run:
        assert run.stdout
        assert run.stdout.readline() == "began\n"
        _lapse(data)
        embedded.run("datastore", "delete", *_VERSION).refused("in use by Run nightly")
        said = finished(run)
        assert (said.code, said.out) == (0, "hello"), said
    assert list((data / "runs").iterdir()) == []


@contextmanager
def _held_up(served: Machine) -> Iterator[Process]:
    """A Run on a server whose process is stopped, until its lease has expired."""
    with served.start(*_RUN, *_READ, stdin=-1) as run:
        assert run.stdout
        assert run.stdout.readline() == "began\n"
        run.send_signal(signal.SIGSTOP)
        wait_until(lambda: not _holders(served), "its lease has expired")
        try:
            yield run
        finally:
            run.send_signal(signal.SIGCONT)


def _holders(machine: Machine) -> list[str]:
    shown = json.loads(machine.run("datastore", "show", *_VERSION, "-o", "json").done())
    return [holder["name"] for holder in shown["holders"]]


@pytest.mark.proves("held-up-run-holds-again")
def test_a_run_that_was_held_up_longer_than_its_lease_holds_its_version_again(served: Machine) -> None:
    with _held_up(served) as run:
        run.send_signal(signal.SIGCONT)
        wait_until(lambda: _holders(served) == ["nightly"], "a heartbeat has come")
        served.run("datastore", "delete", *_VERSION).refused("in use by Run nightly")
        assert finished(run) == Said(0, "hello", "")


@pytest.mark.proves("held-up-run-of-deleted-version")
def test_a_run_that_was_held_up_while_its_version_was_deleted_reads_on_and_says_so(served: Machine) -> None:
    with _held_up(served) as run:
        assert served.run("datastore", "delete", *_VERSION).code == 0
        run.send_signal(signal.SIGCONT)
        assert run.stderr
        warning = run.stderr.readline()
        assert warning.startswith("Warning: Run nightly no longer holds its versions"), warning
        assert finished(run) == Said(0, "hello", "")
    assert list((served.directory / "cache").iterdir()) == []


def test_a_run_whose_process_was_killed_is_given_up_after_its_lease(embedded: Machine) -> None:
    assert embedded.create(folder_of(embedded.home, {"a.txt": b"hello"})) == 1
    data = embedded.directory / "data"
    with embedded.start(*_RUN, *_READ, stdin=-1) as run:
        assert run.stdout
        assert run.stdout.readline() == "began\n"
        run.kill()
    embedded.run("datastore", "delete", *_VERSION).refused("in use by Run nightly")
    _lapse(data)
    embedded.run("datastore", "delete", *_VERSION).done()
    assert list((data / "runs").iterdir()) == []


@pytest.mark.proves("command-of-a-killed-run-continues")
def test_the_command_of_a_killed_run_goes_on_and_holds_nothing(embedded: Machine) -> None:
    assert embedded.create(folder_of(embedded.home, {"a.txt": b"hello"})) == 1
    goes_on = ("sh", "-c", f"echo began; read line; cat $GRID_DATASTORE_DATA/a.txt > {embedded.home}/read")
    with embedded.start(*_RUN, *goes_on, stdin=-1) as run:
        assert run.stdout
        assert run.stdout.readline() == "began\n"
        run.kill()
        _lapse(embedded.directory / "data")
        assert _holders(embedded) == []
        assert run.stdin
        run.stdin.close()
        read = embedded.home / "read"
        wait_until(lambda: read.exists() and read.read_text() == "hello", "the command has gone on")
