"""What a killed command wrote beside its destination is erased by the next command, and nothing else is."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from acceptance.waiting import wait_until
from reliability.faults import dying, waiting
from reliability.machine import Machine, Said, finished, folder_of

_WRITTEN = "pathlib:Path.rename"  # all files are written; the folder has not its name yet
_DOWNLOAD = ("datastore", "download", "--name", "data", "--version", "1")
_RUN = ("run", "--name", "nightly", "--datastore_name", "data", "--datastore_version", "1", "--", "true")


@pytest.fixture
def kept(machine: Machine) -> Machine:
    """A machine with a version."""
    assert machine.create(folder_of(machine.home, {"a.txt": b"hello"})) == 1
    return machine


def _killed(machine: Machine, tmp_path: Path, *words: str) -> None:
    """A command that is killed when it has written all files."""
    own = machine.grid
    machine.grid = dying(tmp_path, _WRITTEN, after=False)
    assert machine.run(*words).code == -signal.SIGKILL
    machine.grid = own


def _hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".") and path.name != ".grid"]


@pytest.mark.proves("killed-download-erased-by-next-command")
@pytest.mark.parametrize("command", [("datastore",), ("status",), _DOWNLOAD, ("session", "list")])
def test_the_folder_of_a_killed_download_is_erased_by_the_next_command(
    kept: Machine, tmp_path: Path, command: tuple[str, ...]
) -> None:
    _killed(kept, tmp_path, *_DOWNLOAD)
    assert len(_hidden(kept.home)) == 1
    kept.run(*command).done()
    assert _hidden(kept.home) == []
    assert list((kept.directory / "unfinished-downloads").iterdir()) == []


@pytest.mark.proves("killed-download-erased-by-next-command")
def test_it_is_erased_at_any_other_place_too(kept: Machine, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    _killed(kept, tmp_path, *_DOWNLOAD, "--to", str(elsewhere / ("n" * 255)))
    assert len(_hidden(elsewhere)) == 1
    kept.run("datastore").done()
    assert _hidden(elsewhere) == []


def test_what_a_killed_run_wrote_is_erased_by_the_next_command(kept: Machine, tmp_path: Path) -> None:
    _killed(kept, tmp_path, *_RUN)
    cache = kept.directory / "cache"
    assert len(_hidden(cache)) == 1
    kept.run("datastore").done()
    assert _hidden(cache) == []


@pytest.mark.proves("download-in-a-hidden-folder")
def test_the_folder_of_a_living_download_stays(kept: Machine, tmp_path: Path) -> None:
    gate, own = tmp_path / "gate", kept.grid
    kept.grid = waiting(tmp_path, gate, _WRITTEN)
    process = kept.start(*_DOWNLOAD)
    wait_until(gate.exists, "it writes the files")
    kept.grid = own
    [aside] = _hidden(kept.home)
    assert (kept.home / aside / "a.txt").read_bytes() == b"hello"
    assert not (kept.home / "data-1").exists()
    kept.run("datastore").done()
    assert _hidden(kept.home) == [aside]
    gate.unlink()
    assert finished(process).code == 0
    assert (kept.home / "data-1" / "a.txt").read_bytes() == b"hello"
    assert _hidden(kept.home) == []


def test_a_folder_that_grid_did_not_make_stays_whatever_a_note_says(kept: Machine, tmp_path: Path) -> None:
    precious = folder_of(kept.home, {"a": b"1"}, ".precious")
    marked = folder_of(kept.home, {"a": b"1"}, f".data-1.{'0' * 16}")
    link = kept.home / f".data-1.{'c' * 16}"
    link.symlink_to(precious)
    notes = kept.directory / "unfinished-downloads"
    notes.mkdir(exist_ok=True)
    for mark, place in (("a", precious), ("b", marked), ("c", link), ("d", Path("/"))):
        (notes / (mark * 16)).write_text(str(place))
    (notes / ("e" * 16)).write_bytes(b"")
    kept.run("datastore").done()
    assert (precious / "a").read_bytes() == (marked / "a").read_bytes() == b"1"
    assert link.is_symlink()
    assert sorted(note.name for note in notes.iterdir()) == ["a" * 16, "b" * 16, "d" * 16], "they are no notes of grid"


def test_a_folder_that_cannot_be_erased_now_fails_no_command(kept: Machine, tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    parent.mkdir()
    _killed(kept, tmp_path, *_DOWNLOAD, "--to", str(parent / "data"))
    parent.chmod(0o555)
    said = finished(kept.start("datastore", "-o", "json", powerless=True))
    parent.chmod(0o755)
    assert (said.code, said.err) == (0, ""), said
    assert len(_hidden(parent)) == 1
    kept.run("datastore").done()
    assert _hidden(parent) == []


def test_a_note_of_a_disk_that_is_away_stays(kept: Machine, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    _killed(kept, tmp_path, *_DOWNLOAD, "--to", str(disk / "data"))
    disk.rename(tmp_path / "away")
    kept.run("datastore").done()
    (tmp_path / "away").rename(disk)
    assert len(_hidden(disk)) == 1
    kept.run("datastore").done()
    assert _hidden(disk) == []


def test_a_download_works_where_no_note_can_be_written(kept: Machine) -> None:
    (kept.directory / "unfinished-downloads").mkdir(exist_ok=True)
    (kept.directory / "unfinished-downloads").chmod(0o555)
    said = finished(kept.start(*_DOWNLOAD, powerless=True))
    (kept.directory / "unfinished-downloads").chmod(0o755)
    assert said == Said(0, "Downloaded version 1 of data to data-1: 1 file, 5 bytes.\n", "")
