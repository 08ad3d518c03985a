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


def _has_ended(process: int) -> bool:
    """Whether no such process runs; one whose parent has not waited for it stays in the list."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return True


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


@pytest.mark.proves("command-of-a-killed-run-ends")
def test_the_command_of_a_killed_run_ends_with_it(embedded: Machine) -> None:
    assert embedded.create(folder_of(embedded.home, {"a.txt": b"hello"})) == 1
    reads = ("sh", "-c", "echo $$; read line; cat $GRID_DATASTORE_DATA/a.txt")
    with embedded.start(*_RUN, *reads, stdin=-1) as run:
        assert run.stdout
        command = int(run.stdout.readline())
        assert Path(f"/proc/{command}").exists()
        run.kill()
        wait_until(lambda: _has_ended(command), "the command has ended")
        _lapse(embedded.directory / "data")
        assert _holders(embedded) == []


@pytest.mark.proves("what-the-command-started-continues")
def test_a_program_that_the_command_started_goes_on(embedded: Machine) -> None:
    assert embedded.create(folder_of(embedded.home, {"a.txt": b"hello"})) == 1
    read = embedded.home / "read"
    reads = ("sh", "-c", f"(echo began; read line <&3; cat $GRID_DATASTORE_DATA/a.txt > {read}) 3<&0 & wait")
    with embedded.start(*_RUN, *reads, stdin=-1) as run:
        assert run.stdout
        assert run.stdout.readline() == "began\n"
        run.kill()
        run.wait()
        assert run.stdin
        run.stdin.close()
        wait_until(lambda: read.exists() and read.read_text() == "hello", "the program has gone on")
