"""A Run whose process lives keeps what it reads while the server is away, and when the machine slept."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from acceptance.server import ServerProcess
from reliability.machine import Machine, finished, folder_of

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
