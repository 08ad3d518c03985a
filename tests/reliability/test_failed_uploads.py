"""An upload that failed is told as one that failed, takes no place, and is erased when that can be done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reliability.machine import Machine, finished, folder_of


@contextmanager
def _closed(folder: Path) -> Iterator[None]:
    mode = folder.stat().st_mode
    folder.chmod(0)
    try:
        yield
    finally:
        folder.chmod(mode)


@pytest.fixture
def source(machine: Machine) -> Path:
    return folder_of(machine.home, {"a.csv": b"1", "b.csv": b"2"})


def test_a_version_that_was_never_finished_is_not_told_as_deleted_by_the_user(machine: Machine, source: Path) -> None:
    with _closed(source / "b.csv"):
        failed = finished(machine.start("datastore", "create", "source", "--name", "data", powerless=True))
    failed.refused("b.csv cannot be read: permission denied. Nothing was stored.")
    for command in ("delete", "files"):
        said = machine.run("datastore", command, "--name", "data", "--version", "1")
        said.refused("Version 1 of data was never finished", "abandoned on 2", "grid datastore create")
        assert "deleted" not in said.err
        assert " by " not in said.err
    shown = machine.run("datastore", "show", "--name", "data", "--version", "1").done()
    [dropped] = [line for line in shown.splitlines() if line.startswith("Deleted:")]
    assert dropped.endswith("UTC, as it was never finished")


def test_an_upload_that_cannot_begin_takes_no_place(embedded: Machine) -> None:
    folder = folder_of(embedded.home, {"a.csv": b"1"})
    assert embedded.create(folder) == 1
    with _closed(embedded.storage):
        said = finished(embedded.start("datastore", "create", "source", "--name", "data", powerless=True))
        assert said.code == 1, said
        assert "ermission denied" in said.err
        assert "Errno" not in said.err
    assert embedded.phases() == [(1, "SUCCEEDED")]
    assert embedded.create(folder) == 3


def test_what_cannot_be_erased_is_told_once_in_a_line(embedded: Machine) -> None:
    folder = folder_of(embedded.home, {"a.csv": b"1"})
    embedded.create(folder)
    embedded.create(folder)
    with _closed(embedded.storage):
        for words in (("datastore", "delete", "--name", "data", "--version", "1"), ("status",)):
            said = finished(embedded.start(*words, powerless=True))
            assert said.code == 0, said
            what = "the bytes of version 1 of data could not be erased: permission denied"
            assert said.err == f"Warning: {what}. The removal will be retried.\n"
    assert embedded.run("status").done()
    assert len(list(embedded.storage.iterdir())) == 1


def test_uploads_that_cannot_be_looked_at_are_told(embedded: Machine) -> None:
    uploads = embedded.directory / "uploads"
    uploads.mkdir(parents=True)
    with _closed(uploads):
        finished(embedded.start("datastore", "resume", powerless=True)).refused("uploads cannot be read: permission")
    uploads.rmdir()
    uploads.write_text("")
    embedded.run("datastore", "resume").refused("uploads cannot be read: not a directory")


def test_no_version_is_made_of_what_grid_keeps_itself(embedded: Machine) -> None:
    embedded.create(folder_of(embedded.home, {"a.csv": b"1"}))
    before = embedded.state()
    (embedded.home / "link").symlink_to(".grid")
    for place in (".grid", ".", "..", "link", ".grid/data", ".grid/data/versions", ".grid/data/catalog.sqlite"):
        said = embedded.run("datastore", "create", place, "--name", "data")
        said.refused("grid stores its own data and credentials in", code=2)
    embedded.nothing_changed(before)
    folder_of(embedded.directory, {"a.csv": b"1"}, "mine")
    embedded.run("datastore", "create", ".grid/mine", "--name=data").done()
