"""What cannot be a version is told in one sentence; no version, number of files or byte is left of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from acceptance.waiting import wait_until
from reliability.faults import let_through, reading
from reliability.machine import Machine, Process, finished, folder_of

_LARGE = 2 * 1024 * 1024  # bytes, kept as an object of its own


def test_what_holds_no_file_is_refused(stocked: Machine) -> None:
    before = stocked.state()
    (stocked.home / "empty" / "deep").mkdir(parents=True)
    for source, why in [("empty", "contains no file"), ("gone", "no such file"), ("", "Give a file or a folder")]:
        stocked.run("datastore", "create", source, "--name", "data").refused(why, code=2)
    stocked.nothing_changed(before)


@pytest.mark.proves("refused-upload-stores-nothing")
def test_what_is_no_file_is_refused_not_followed_or_left_out(stocked: Machine) -> None:
    before = stocked.state()
    secret = stocked.home / "secret.txt"
    secret.write_text("secret")
    links = {"to-file": secret, "to-folder": stocked.home / "stock", "dangling": Path("nowhere"), "loop": Path("loop")}
    for name, link in links.items():
        (folder_of(stocked.home, {"a.csv": b"1"}, f"with-{name}") / name).symlink_to(link)
        said = stocked.run("datastore", "create", f"with-{name}", "--name", "data")
        said.refused("is a symbolic link", name, code=2)
    os.mkfifo(folder_of(stocked.home, {"a.csv": b"1"}, "with-fifo") / "pipe")
    stocked.run("datastore", "create", "with-fifo", "--name", "data").refused("neither a file nor a folder", code=2)
    stocked.run("datastore", "create", "with-fifo/pipe", "--name", "data").refused("neither", code=2)
    stocked.run("datastore", "create", "/dev/zero", "--name", "data").refused("neither", code=2)
    address = folder_of(stocked.home, {"a.csv": b"1"}, "with-socket")
    with socket.socket(socket.AF_UNIX) as listener, _at(address):
        listener.bind("socket")
        stocked.run("datastore", "create", "with-socket", "--name", "data").refused("neither", code=2)
    for name in ("loop", "dangling"):
        stocked.run("datastore", "create", f"with-{name}/{name}", "--name", "data").refused("cannot be read", code=2)
    stocked.run("datastore", "create", "with-loop/loop").refused("cannot be read", code=2)
    stocked.nothing_changed(before)


def test_a_source_that_is_a_link_to_a_folder_is_that_folder(machine: Machine) -> None:
    folder_of(machine.home, {"a.csv": b"1"}, "real")
    (machine.home / "link").symlink_to("real")
    machine.run("datastore", "create", "link", "--name=data").done()
    assert machine.listing()[0]["spec"]["source"] == str((machine.home / "real").resolve())


def test_names_that_are_not_utf8_are_refused(stocked: Machine) -> None:
    before = stocked.state()
    home = os.fsencode(stocked.home)
    for where in (b"folder", b"folder/deep", b"f\xff"):
        os.mkdir(home + b"/" + where)  # noqa: PTH102
        with open(home + b"/" + where + b"/caf\xe9.csv", "wb") as file:  # noqa: PTH123
            file.write(b"1")
    for source in ("folder", b"folder/caf\xe9.csv", b"f\xff"):
        said = stocked.run("datastore", "create", source, "--name", "data")
        said.refused("is not valid UTF-8. Rename the f", code=2)
    (stocked.home / os.fsdecode(b"f\xff") / os.fsdecode(b"caf\xe9.csv")).rename(
        stocked.home / os.fsdecode(b"f\xff") / "a"
    )
    stocked.run("datastore", "create", b"f\xff", "--name", "data").refused("is not valid UTF-8. Rename the f", code=2)
    stocked.nothing_changed(before)


def test_control_codes_in_a_name_are_shown_not_obeyed(stocked: Machine) -> None:
    before = stocked.state()
    folder_of(stocked.home, {"a\x1b[2Jb\nc.csv": b"1"}, "codes")
    said = stocked.run("datastore", "create", "codes", "--name", "data")
    said.refused("A path must be relative", code=2)
    gone = stocked.run("datastore", "create", "x\x1b[2J\nError: y", "--name", "data")
    assert "\x1b" not in said.err + gone.err, gone
    gone.refused("\\x1b[2J\\nError: y", code=2)
    stocked.nothing_changed(before)


def test_a_file_that_its_reader_may_not_read_is_told(stocked: Machine) -> None:
    before = stocked.state()
    secret = folder_of(stocked.home, {"a.csv": b"1", "secret.csv": b"2", "closed/b.csv": b"3"}) / "secret.csv"
    secret.chmod(0)
    said = stocked.run("datastore", "create", "source", "--name", "data", powerless=True)
    said.refused("secret.csv cannot be read: permission denied")
    secret.chmod(0o644)
    closed = stocked.home / "source" / "closed"
    closed.chmod(0)
    said = stocked.run("datastore", "create", "source", "--name", "data", powerless=True)
    closed.chmod(0o755)
    said.refused("closed cannot be read: permission denied")
    stocked.nothing_changed(before)


@pytest.mark.proves("changing-file-is-named")
@pytest.mark.parametrize("change", ["grows", "shrinks", "is replaced by a folder", "is replaced by a pipe", "goes"])
def test_a_file_that_changes_while_it_is_read_is_told(stocked: Machine, tmp_path: Path, change: str) -> None:
    """The second file changes while the first is read."""
    before = stocked.state()
    folder = folder_of(stocked.home, {"a.bin": bytes(_LARGE), "b.csv": b"1234"}, "changing")
    with _while_it_reads(stocked, tmp_path, "changing") as (process, gate):
        wait_until(gate.exists, "the first is read")
        _change(folder / "b.csv", change)
        let_through(gate, process)
        finished(process).refused("b.csv")
    stocked.nothing_changed(before)


@pytest.mark.proves("changing-file-is-named")
def test_a_file_that_is_written_to_all_the_time_is_told(stocked: Machine, tmp_path: Path) -> None:
    before = stocked.state()
    log = folder_of(stocked.home, {"log": bytes(_LARGE)}, "logs") / "log"
    with _while_it_reads(stocked, tmp_path, "logs") as (process, gate):

        def written() -> bool:
            with log.open("ab") as file:
                file.write(b"x")
            gate.unlink(missing_ok=True)
            return process.poll() is not None

        wait_until(written, "the command has ended")
        finished(process).refused("changed while it was read")
    stocked.nothing_changed(before)


@contextmanager
def _while_it_reads(machine: Machine, tmp_path: Path, source: str) -> Iterator[tuple[Process, Path]]:
    """An upload that comes to a gate after each megabyte of a file."""
    gate, own = tmp_path / "gate", machine.grid
    machine.grid = reading(tmp_path, gate)
    with machine.start("datastore", "create", source, "--name", "data") as process:
        machine.grid = own
        try:
            yield process, gate
        finally:
            process.kill()


def _change(file: Path, change: str) -> None:
    if change == "grows":
        file.write_bytes(b"12345")
    elif change == "shrinks":
        file.write_bytes(b"123")
    else:
        file.unlink()
    if change == "is replaced by a folder":
        file.mkdir()
    elif change == "is replaced by a pipe":
        os.mkfifo(file)


@contextmanager
def _at(folder: Path) -> Iterator[None]:
    """The address of a socket may be no longer than about 100 characters."""
    before = Path.cwd()
    os.chdir(folder)
    yield
    os.chdir(before)
