"""A file that changes after it was read, and before its upload is finished, is noticed and named."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from acceptance.waiting import wait_until
from reliability.faults import dying, waiting
from reliability.machine import Machine, finished, folder_of

_READ = "grid_datastores.storage.manifest:Manifest.of"  # all files are read and sent; nothing is finished
_LARGE = bytes(2 * 1024 * 1024)  # an object of its own


@pytest.mark.proves("failed-upload-stores-nothing", "changed-file-is-named-at-the-end")
@pytest.mark.parametrize("change", ["content", "time", "removed"])
def test_a_file_that_changes_before_the_upload_is_finished_is_named(
    machine: Machine, tmp_path: Path, change: str
) -> None:
    folder = folder_of(machine.home, {"a.csv": b"1,2\n", "b.bin": _LARGE})
    before = machine.state()
    gate, own = tmp_path / "gate", machine.grid
    machine.grid = waiting(tmp_path, gate, _READ)
    process = machine.start("datastore", "create", "source", "--name", "data")
    wait_until(gate.exists, "the files are read")
    match change:
        case "content":
            (folder / "b.bin").write_bytes(_LARGE[1:])
        case "time":
            (folder / "b.bin").write_bytes(_LARGE)
        case "removed":
            (folder / "b.bin").unlink()
    gate.unlink()
    said = finished(process)
    machine.grid = own
    if change == "removed":
        said.refused("source/b.bin cannot be read: no such file or directory. Nothing was stored.")
    else:
        said.refused("source/b.bin changed during the upload. Nothing was stored. Try again.")
    machine.nothing_changed(before)
    assert not list((machine.directory / "uploads").iterdir())


@pytest.mark.proves("change-that-keeps-size-and-time-unnoticed")
def test_a_change_that_keeps_size_and_time_is_not_noticed_by_an_upload(embedded: Machine, tmp_path: Path) -> None:
    file = folder_of(embedded.home, {"a.csv": b"1,2\n"}) / "a.csv"
    gate, own = tmp_path / "gate", embedded.grid
    embedded.grid = waiting(tmp_path, gate, _READ)
    process = embedded.start("datastore", "create", "source", "--name", "data")
    wait_until(gate.exists, "the files are read")
    _replace(file, b"3,4\n")
    gate.unlink()
    finished(process).done()
    embedded.grid = own
    embedded.run("datastore", "download", "--name", "data", "--version", "1", "--to", "back").done()
    assert (embedded.home / "back" / "a.csv").read_bytes() == b"1,2\n"


@pytest.mark.proves("unsent-file-gets-current-content")
def test_a_file_that_was_not_sent_yet_gets_its_current_content(machine: Machine, tmp_path: Path) -> None:
    folder = folder_of(machine.home, {"a.bin": _LARGE, "b.bin": _LARGE})
    own = machine.grid
    machine.grid = dying(tmp_path, "grid_datastores.machine.upload_journal:Journal.record", after=True)
    assert machine.run("datastore", "create", "source", "--name", "data").code == -signal.SIGKILL
    machine.grid = own
    current = b"?" * len(_LARGE)
    _replace(folder / "b.bin", current)
    machine.run("datastore", "resume").done()
    machine.run("datastore", "download", "--name", "data", "--version", "1", "--to", "back").done()
    assert (machine.home / "back" / "b.bin").read_bytes() == current
    assert (machine.home / "back" / "a.bin").read_bytes() == _LARGE


@pytest.mark.proves("unsent-file-is-compared-by-size-and-time")
@pytest.mark.parametrize("change", ["size", "time"])
def test_a_file_that_was_not_sent_yet_is_compared_by_its_size_and_time(
    embedded: Machine, tmp_path: Path, change: str
) -> None:
    folder = folder_of(embedded.home, {"a.bin": _LARGE, "b.bin": _LARGE})
    own = embedded.grid
    embedded.grid = dying(tmp_path, "grid_datastores.machine.upload_journal:Journal.record", after=True)
    assert embedded.run("datastore", "create", "source", "--name", "data").code == -signal.SIGKILL
    embedded.grid = own
    before = (folder / "b.bin").stat()
    if change == "size":
        (folder / "b.bin").write_bytes(_LARGE[1:])
        os.utime(folder / "b.bin", ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        os.utime(folder / "b.bin", ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    embedded.run("datastore", "resume").refused("source has changed since the upload of version 1 of data began")


@pytest.mark.proves("sent-file-is-compared")
@pytest.mark.parametrize("changed", ["a.csv", "b.bin"])
def test_a_file_that_has_arrived_is_compared_when_its_upload_goes_on(
    machine: Machine, tmp_path: Path, changed: str
) -> None:
    """Its size and its time are as before; what is in it is not."""
    folder = folder_of(machine.home, {"a.csv": b"1,2\n", "b.bin": _LARGE, "c.bin": _LARGE})
    own = machine.grid
    machine.grid = dying(tmp_path, _READ, after=False)
    assert machine.run("datastore", "create", "source", "--name", "data").code == -signal.SIGKILL
    machine.grid = own
    file = folder / changed
    content = file.read_bytes()
    _replace(file, content[:-1] + b"?")
    said = machine.run("datastore", "resume")
    said.refused(
        f"source/{changed} has changed since the upload of version 1 of data began, so the upload cannot be resumed."
    )
    assert machine.phases() == [(1, "UNSPECIFIED")]
    _replace(file, content)
    assert machine.run("datastore", "resume").done().startswith("Finished version 1 of data: 4.2 MB already stored")


def _replace(file: Path, content: bytes) -> None:
    """Give the file another content of its size, and its former times."""
    before = file.stat()
    assert len(content) == before.st_size
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
