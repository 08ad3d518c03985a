"""What a living Run reads stays as it is, until that Run ends and not another; and its end is its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from acceptance import executables
from acceptance.waiting import wait_until
from reliability.machine import Machine, Said, finished, folder_of

# The first heartbeats fail; each is counted.
_FAILING = """
from pathlib import Path
from grid_datastores.embedded import EmbeddedDatastores
from grid_datastores.errors import CatalogFailed, NoSpace, Refusal, Unreachable
real, beats = EmbeddedDatastores.heartbeat, Path({beats!r})
def failing(self, run):
    with beats.open("a") as file:
        count = file.write("x") and file.tell()
    if count <= 2:
        raise {error}
    return real(self, run)
EmbeddedDatastores.heartbeat = failing
"""
_LARGE = bytes(range(256)) * 8192  # 2 MiB, kept as a file of its own
_VERSION = ("--name", "data", "--version", "1")


def _run_words(name: str, *command: str) -> tuple[str, ...]:
    return ("run", "--name", name, "--datastore_name", "data", "--datastore_version", "1", "--", *command)


_READ = ("sh", "-c", "echo began; read line; cat $GRID_DATASTORE_DATA/a.txt")


@contextmanager
def _living(machine: Machine, name: str = "nightly") -> Iterator[subprocess.Popen[str]]:
    """A Run that has begun, and reads its version when it is told to end."""
    with machine.start(*_run_words(name, *_READ), stdin=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "began\n", process.communicate()
            yield process
        finally:
            process.kill()


def _ended(run: subprocess.Popen[str]) -> Said:
    """It is told to end, by the end of its input."""
    return finished(run)


@pytest.fixture
def kept(machine: Machine) -> Machine:
    """A machine with a version."""
    assert machine.create(folder_of(machine.home, {"a.txt": b"hello"})) == 1
    return machine


@pytest.fixture
def kept_here(embedded: Machine) -> Machine:
    """A machine without a server, with a version that has a large file."""
    assert embedded.create(folder_of(embedded.home, {"a.txt": b"hello", "large.bin": _LARGE})) == 1
    return embedded


def test_a_run_ends_itself_and_no_other_of_its_name(kept: Machine) -> None:
    with _living(kept) as first:
        kept.run("cancel", "nightly").done()
        with _living(kept) as second:
            assert _ended(first).code == 0
            kept.run("datastore", "delete", *_VERSION).refused("in use by Run nightly")
            assert second.poll() is None
            assert _ended(second).out == "hello"
    kept.run("datastore", "delete", *_VERSION).done()


@pytest.mark.parametrize(
    "error",
    [
        'Refusal("The server answered 502 Bad Gateway.")',
        'CatalogFailed("database is locked")',
        'NoSpace("There is no space left.")',
        'Unreachable("No server answers.")',
        'OSError(28, "No space left on device")',
        'RuntimeError("nobody foresaw this")',
    ],
)
def test_a_run_outlives_heartbeats_that_fail(kept_here: Machine, tmp_path: Path, error: str) -> None:
    beats = tmp_path / "beats"
    kept_here.grid = executables.wrapped(tmp_path, _FAILING.format(beats=str(beats), error=error))
    kept_here.extra = {"GRID_LEASE": "2"}
    with _living(kept_here) as run:
        wait_until(lambda: beats.exists() and beats.stat().st_size >= 4, "the heart beats on")
        assert _ended(run) == Said(0, "hello", "")


def test_a_run_that_was_ended_by_others_is_told_so_once(kept_here: Machine) -> None:
    kept_here.extra = {"GRID_LEASE": "1"}
    with _living(kept_here) as run:
        kept_here.run("cancel", "nightly").done()
        assert run.stderr
        assert run.stderr.readline().startswith("Warning: Run nightly holds nothing any more")
        assert _ended(run) == Said(0, "hello", "")
