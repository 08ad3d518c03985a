"""What a living Run reads stays as it is, until that Run ends and not another; and its end is its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from acceptance.waiting import wait_until
from reliability.faults import prepared, waiting
from reliability.machine import Machine, Process, Said, finished, folder_of
from reliability.sources.s3 import S3

# The first heartbeats fail; each is counted, and there are many a second.
_FAILING = """
from pathlib import Path
from grid_datastores.machine import run_command
from grid_datastores.gateway.embedded import EmbeddedDatastores
from grid_datastores.domain.errors import CatalogFailed, NoSpace, Refusal, Unreachable
real, beats = EmbeddedDatastores.heartbeat, Path({beats!r})
def failing(self, run):
    with beats.open("a") as file:
        count = file.write("x") and file.tell()
    if count <= 2:
        raise {error}
    return real(self, run)
EmbeddedDatastores.heartbeat, run_command._BEATS = failing, 100
"""
_LARGE = bytes(range(256)) * 8192  # 2 MiB, kept as a file of its own
_VERSION = ("--name", "data", "--version", "1")


def _run_words(name: str, *command: str) -> tuple[str, ...]:
    return ("run", "--name", name, "--datastore_name", "data", "--datastore_version", "1", "--", *command)


_READ = ("sh", "-c", "echo began; read line; cat $GRID_DATASTORE_DATA/a.txt")


@contextmanager
def _living(machine: Machine, name: str = "nightly") -> Iterator[Process]:
    """A Run that has begun, and reads its version when it is told to end."""
    with machine.start(*_run_words(name, *_READ), stdin=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "began\n", process.communicate()
            yield process
        finally:
            process.kill()


def _ended(run: Process) -> Said:
    """It is told to end, by the end of its input."""
    return finished(run)


def _cache(machine: Machine) -> list[str]:
    """What mounting left."""
    return sorted(path.name for path in (machine.directory / "cache").iterdir())


def _folder(machine: Machine) -> Path:
    """The one folder that is mounted."""
    [folder] = [path for path in (machine.directory / "cache").iterdir() if path.is_dir()]
    return folder


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


@pytest.fixture
def referred(embedded: Machine, s3: S3) -> Machine:
    """A machine without a server, with a version that refers to a bucket."""
    s3.make_bucket("birds", {"a.txt": b"hello", "b.txt": b"bye"})
    embedded.extra = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    embedded.run("datastore", "create", "s3://birds", "--name", "data", "--no-copy").done()
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
    kept_here.grid = prepared(tmp_path, _FAILING.format(beats=str(beats), error=error))
    kept_here.extra = {"GRID_LEASE": "2"}
    with _living(kept_here) as run:
        wait_until(lambda: beats.exists() and beats.stat().st_size >= 4, "the heart beats on")
        assert _ended(run) == Said(0, "hello", "")


@pytest.mark.proves("cancel-does-not-stop-the-command")
def test_a_run_that_was_ended_by_others_is_told_so_once(kept_here: Machine) -> None:
    kept_here.extra = {"GRID_LEASE": "1"}
    with _living(kept_here) as run:
        kept_here.run("cancel", "nightly").done()
        assert run.stderr
        said = run.stderr.readline()
        assert said.startswith("Warning: Run nightly no longer holds its versions"), said
        assert "version 1 of data can be deleted while the command runs" in said
        assert _ended(run) == Said(0, "hello", "")


@pytest.mark.proves("files-stay-while-a-run-reads", "clearcache-erases-copies")
def test_what_a_living_run_reads_is_not_cleared_away(kept: Machine) -> None:
    with _living(kept) as run:
        said = kept.run("datastore", "clearcache").done()
        assert "removed the files of 0 versions" in said
        assert "Kept the files of 1 version" in said
        assert _ended(run) == Said(0, "hello", "")
    said = kept.run("datastore", "clearcache").done()
    assert said == "Discarded 0 interrupted uploads and removed the files of 1 version.\n"
    assert _cache(kept) == []


@pytest.mark.proves("files-stay-while-a-run-reads")
def test_what_a_canceled_run_reads_outlives_the_version_until_the_run_ends(kept: Machine) -> None:
    with _living(kept) as run:
        assert "does not stop its process" in kept.run("cancel", "nightly").done()
        said = kept.run("datastore", "delete", *_VERSION)
        assert said.out.startswith("Deleted version 1 of data"), said
        assert said.err.startswith("Warning: "), said
        assert "It is erased when the Run ends" in said.err
        assert _ended(run).out == "hello"
    assert _cache(kept) == []


def test_a_run_in_a_folder_that_is_told_from_here_mounts_at_a_place_that_is_told_whole(kept_here: Machine) -> None:
    kept_here.extra = {"GRID_DIR": "x/../.grid"}
    (kept_here.home / "x").mkdir()
    said = kept_here.run(*_run_words("nightly", "echo", "{data}")).done()
    assert said.strip() == str(_folder(kept_here).resolve())


@pytest.mark.proves("variable-and-braces-are-one-folder")
def test_the_variable_has_the_path_that_replaces_the_name_in_braces(embedded: Machine) -> None:
    embedded.create(folder_of(embedded.home, {"a.txt": b"hello"}), "my-training-data")
    mounted = ("--datastore_name=my-training-data", "--datastore_version=1")
    command = ("sh", "-c", 'echo "$0"; echo "$GRID_DATASTORE_MY_TRAINING_DATA"; ls "$0"', "{my-training-data}")
    folder = str(_folder_after(embedded, "run", "--name=nightly", *mounted, "--", *command).resolve())
    assert embedded.run("run", "--name=nightly", *mounted, "--", *command).done().split() == [folder, folder, "a.txt"]


def _folder_after(machine: Machine, *words: str) -> Path:
    machine.run(*words).done()
    return _folder(machine)


@pytest.mark.proves("run-files-are-read-only-copies")
def test_files_that_a_run_made_writable_are_read_only_again(kept_here: Machine) -> None:
    change = 'chmod -R u+w "$0" && touch -r "$0/a.txt" "$0"'
    kept_here.run(*_run_words("nightly", "sh", "-c", change, "{data}")).done()
    kept_here.run(*_run_words("again", "true")).done()
    folder = _folder(kept_here)
    assert {path.stat().st_mode & 0o222 for path in (folder, *folder.iterdir())} == {0}


def test_a_link_that_a_run_added_is_removed_and_not_followed(kept_here: Machine) -> None:
    other = folder_of(kept_here.home, {"a.txt": b"1"}, "other")
    mode = other.stat().st_mode
    change = f'chmod u+w "$0" && ln -s {other} "$0/link"'
    kept_here.run(*_run_words("nightly", "sh", "-c", change, "{data}")).done()
    kept_here.run(*_run_words("again", "true")).done()
    assert [path.name for path in _folder(kept_here).iterdir() if path.is_symlink()] == []
    assert other.stat().st_mode == mode


@pytest.mark.proves("run-files-are-read-only-copies", "copy-needs-the-space-of-the-version")
def test_the_files_of_a_run_are_copies_that_nobody_writes(kept_here: Machine) -> None:
    write = 'for path in a.txt large.bin new; do (echo x > "$0/$path") 2>/dev/null && exit 9; done; true'
    assert finished(kept_here.start(*_run_words("nightly", "sh", "-c", write, "{data}"), powerless=True)) == Said(
        0, "", ""
    )
    folder = _folder(kept_here)
    found = {path.name: path.lstat() for path in folder.iterdir()}
    assert {name: (oct(seen.st_mode), seen.st_nlink) for name, seen in found.items()} == {
        "a.txt": ("0o100444", 1),
        "large.bin": ("0o100444", 1),
    }
    assert oct(folder.stat().st_mode) == "0o40555"
    [version] = kept_here.listing()
    assert sum(seen.st_size for seen in found.values()) == int(version["spec"]["sizeBytes"]) == 5 + len(_LARGE)


def test_a_deletion_leaves_nothing_of_what_was_mounted(kept: Machine) -> None:
    kept.run(*_run_words("nightly", "true")).done()
    assert _folder(kept).is_dir()
    kept.run("datastore", "delete", *_VERSION).done()
    assert _cache(kept) == []


def test_a_second_run_leaves_the_reference_that_the_first_reads(referred: Machine) -> None:
    with _living(referred) as first:
        before = (_folder(referred) / "b.txt").stat().st_ctime_ns
        with _living(referred, "daily") as second:
            assert (_folder(referred) / "b.txt").stat().st_ctime_ns == before
            assert _ended(second) == _ended(first) == Said(0, "hello", "")
    referred.run(*_run_words("weekly", "true")).done()
    assert (_folder(referred) / "b.txt").stat().st_ctime_ns == before


def test_a_reference_that_is_not_complete_is_mounted_again(referred: Machine) -> None:
    referred.run(*_run_words("nightly", "true")).done()
    folder = _folder(referred)
    folder.chmod(0o755)
    (folder / "b.txt").unlink()
    assert referred.run(*_run_words("nightly", "cat", "{data}/b.txt")).done() == "bye"


@pytest.mark.proves("reference-has-no-content-to-compare", "copy-of-a-reference-compared-by-size")
def test_of_a_reference_only_the_sizes_are_compared(referred: Machine) -> None:
    listed = json.loads(referred.run("datastore", "files", *_VERSION, "-o", "json").done())
    assert {file["path"]: file["sha256"][:5] for file in listed} == {"a.txt": "etag:", "b.txt": "etag:"}
    referred.run(*_run_words("nightly", "true")).done()
    changed = _folder(referred) / "b.txt"
    changed.chmod(0o644)
    for content, read in (("BYE", "BYE"), ("longer", "bye")):
        changed.write_text(content)
        assert referred.run(*_run_words("nightly", "cat", "{data}/b.txt")).done() == read


def test_two_first_runs_at_once_share_what_one_of_them_mounts(kept: Machine, grid: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    kept.grid = waiting(tmp_path, gate, "grid_datastores.machine.mounts.restore")
    runs = {"first": kept.start(*_run_words("first", "cat", "{data}/a.txt"))}
    with ExitStack() as cleanup:
        cleanup.callback(runs["first"].kill)
        wait_until(gate.exists, "the first writes the files")
        kept.grid = grid
        runs["second"] = kept.start(*_run_words("second", "cat", "{data}/a.txt"))
        cleanup.callback(runs["second"].kill)
        wait_until(lambda: runs["second"].poll() is not None or "second" in _holders(kept), "the second has begun")
        gate.unlink()
        assert {name: finished(run) for name, run in runs.items()} == dict.fromkeys(runs, Said(0, "hello", ""))


def _holders(machine: Machine) -> list[str]:
    shown = json.loads(machine.run("datastore", "show", *_VERSION, "-o", "json").done())
    return [holder["name"] for holder in shown["holders"]]


@pytest.mark.proves("changed-copy-is-renewed")
def test_files_that_a_run_damaged_are_not_renewed_while_it_reads_them(kept: Machine) -> None:
    with _living(kept) as first:
        damaged = _folder(kept) / "a.txt"
        damaged.chmod(0o644)
        damaged.write_text("other")
        kept.run(*_run_words("daily", "true")).refused("Try again when that Run has ended")
        assert _ended(first).out == "other"
    assert kept.run(*_run_words("daily", "cat", "{data}/a.txt")).done() == "hello"


@pytest.mark.proves("run-writes-reach-no-version")
@pytest.mark.parametrize("powerless", [True, False], ids=["the owner", "root"])
def test_a_run_that_forces_its_way_changes_only_its_copy(kept_here: Machine, *, powerless: bool) -> None:
    """The owner may change the permissions of the files, and root needs not even that."""
    write = "cd $GRID_DATASTORE_DATA; chmod u+w . large.bin && printf ZZZ | dd of=large.bin conv=notrunc 2>/dev/null"
    forced = kept_here.start(*_run_words("nightly", "sh", "-c", write), powerless=powerless)
    assert finished(forced) == Said(0, "", "")
    assert (_folder(kept_here) / "large.bin").read_bytes().startswith(b"ZZZ")
    kept_here.run("datastore", "download", *_VERSION, "--to", "back").done()
    assert (kept_here.home / "back" / "large.bin").read_bytes() == _LARGE
    same = ("cmp", "{data}/large.bin", str(kept_here.home / "source" / "large.bin"))
    kept_here.run(*_run_words("nightly", *same)).done()


def test_a_link_that_an_earlier_release_made_becomes_a_copy(kept_here: Machine) -> None:
    kept_here.run(*_run_words("nightly", "true")).done()
    [stored] = [path for path in kept_here.storage.rglob("*") if path.is_file() and path.stat().st_size == len(_LARGE)]
    folder = _folder(kept_here)
    folder.chmod(0o755)
    (folder / "large.bin").unlink()
    (folder / "large.bin").symlink_to(stored)
    is_file = ("sh", "-c", "test -f {data}/large.bin && ! test -L {data}/large.bin")
    assert finished(kept_here.start(*_run_words("nightly", *is_file), powerless=True)) == Said(0, "", "")
    assert stored.read_bytes() == _LARGE


def test_files_that_cannot_be_removed_do_not_make_a_deletion_fail(kept: Machine) -> None:
    kept.run(*_run_words("nightly", "true")).done()
    cache = kept.directory / "cache"
    cache.chmod(0o555)
    said = finished(kept.start("datastore", "delete", *_VERSION, powerless=True))
    cache.chmod(0o755)
    assert said.code == 0, said
    assert said.out.startswith("Deleted version 1 of data")
    assert said.err.startswith("Warning: ")
    assert len(said.err.splitlines()) == 1
    kept.run("datastore").done()
    assert _cache(kept) == []


@pytest.mark.proves("files-are-checked-before-the-command")
def test_damaged_data_reaches_no_command_not_even_the_first(kept_here: Machine) -> None:
    """The copy of a large file, too, is checked before."""
    [stored] = [path for path in kept_here.storage.rglob("*") if path.is_file() and path.stat().st_size == len(_LARGE)]
    stored.chmod(0o644)
    stored.write_bytes(bytes(len(_LARGE)))
    stored.chmod(0o444)
    said = finished(kept_here.start(*_run_words("nightly", "echo", "began"), powerless=True))
    said.refused("large.bin does not match its SHA-256")
    assert said.out == ""


def test_a_reference_that_is_deleted_is_made_again_as_a_reference(referred: Machine) -> None:
    referred.run("datastore", "delete", *_VERSION).done()
    again = "To make a new version from its source, if that still exists: grid datastore create s3://birds"
    referred.run("datastore", "delete", *_VERSION).refused(f"{again} --name data --no-copy\n")


@pytest.mark.proves("program-of-the-version-is-run", "run-succeeds-or-fails-as-its-command")
def test_a_program_in_the_version_is_run(machine: Machine) -> None:
    folder = folder_of(machine.home, {"tools/greet": b'#!/bin/sh\necho "hello $1"\n', "notes.txt": b"no program"})
    (folder / "tools" / "greet").chmod(0o755)
    machine.create(folder)
    assert machine.run(*_run_words("r", "{data}/tools/greet", "{data}/x")).done().startswith("hello /")
    refusals = {"notes.txt": "it is not executable", "nothing": "there is no such command"}
    advice = {"notes.txt": "Name its interpreter first, for example: sh /", "nothing": "give its path."}
    for program, why in refusals.items():
        said = machine.run(*_run_words("r", f"{{data}}/{program}"))
        said.refused(f"{program}' cannot be run: {why}. ", advice[program], code=2)
    runs = json.loads(machine.run("status", "--all", "-o", "json").done())["runs"]
    assert [run["status"]["phase"].rpartition("_")[2] for run in runs] == ["SUCCEEDED", "FAILED", "FAILED"]
    machine.run("datastore", "delete", *_VERSION).done()
