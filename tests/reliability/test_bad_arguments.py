"""What is typed wrong is told in one sentence, and changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reliability.machine import Machine, Said, finished, folder_of


@pytest.mark.proves("errors-go-to-standard-error")
def test_a_version_must_be_a_number_from_1_on(stocked: Machine) -> None:
    """Which numbers are none, for which command: tests/unit/grid_datastores/test_arguments.py."""
    before = stocked.state()
    said = stocked.run("datastore", "delete", "--name", "data", "--version=latest")
    said.refused("is not a version number", "There is no 'latest' or 'all'", code=2)
    missing = stocked.run("datastore", "delete", "--name", "data")
    missing.refused(code=2)
    argument = stocked.run("datastore", "create")
    argument.refused("Missing argument", code=2)
    stocked.nothing_changed(before)
    assert [one.err.startswith("Usage: grid datastore delete [OPTIONS]\n") for one in (said, missing)] == [True, True]
    assert argument.err.startswith("Usage: grid datastore create [OPTIONS] SOURCE\n")


def test_a_name_must_be_one(stocked: Machine) -> None:
    before = stocked.state()
    for words in (("delete", "--name=../data", "--version=1"), ("create", "stock", "--name=Data")):
        stocked.run("datastore", *words).refused("is not a valid datastore name", code=2)
    stocked.nothing_changed(before)


@pytest.mark.proves("errors-go-to-standard-error")
def test_what_is_not_there_is_told(stocked: Machine) -> None:
    before = stocked.state()
    for words in (("delete",), ("show",), ("files",), ("download", "--to", "there")):
        number = stocked.run("datastore", *words, "--name", "data", "--version", "2")
        number.refused("There is no version 2 of data. It has version 1.")
        name = stocked.run("datastore", *words, "--name", "other", "--version", "1")
        name.refused("There is no version 1 of other")
    assert not (stocked.home / "there").exists()
    stocked.nothing_changed(before)


def test_sessions_that_are_not_there_and_names_that_are_none_are_told(stocked: Machine) -> None:
    before = stocked.state()
    mount = ("--datastore_name", "data", "--datastore_version")
    stocked.run("session", "create", "tuning", *mount, "2").refused("There is no version 2 of data")
    stocked.run("session", "create", "tu/ning", *mount, "1").refused("is not a valid session name", code=2)
    stocked.run("session", "create", "tuning", *mount, "latest").refused("is not a version", code=2)
    for command in ("pause", "resume", "delete"):
        stocked.run("session", command, "tuning").refused("There is no Session tuning.")
    stocked.run("cancel", "training").refused("There is no Run training.")
    stocked.nothing_changed(before)


@pytest.mark.proves("settings-without-a-server")
@pytest.mark.parametrize("quota", ["none", "0", "-1", "1.5", "9" * 5000])
def test_a_quota_that_is_no_number_is_told(embedded: Machine, quota: str) -> None:
    embedded.run("datastore", env={"GRID_QUOTA": quota}).refused(
        "GRID_QUOTA is", "It must be a whole number from 1 to 999999999.", code=2
    )
    assert not embedded.directory.exists()


def test_a_download_never_writes_into_what_is_there(stocked: Machine) -> None:
    before = stocked.state()
    full = folder_of(stocked.home, {"mine.txt": b"mine"}, "full")
    (stocked.home / "file").write_text("mine")
    (stocked.home / "empty").mkdir()
    (stocked.home / "dangling").symlink_to("nowhere")
    for there in ("full", "file", "empty", "dangling", ".", "/"):
        said = stocked.run("datastore", "download", "--name", "data", "--version", "1", "--to", there)
        said.refused("already exists")
    said = stocked.run("datastore", "download", "--name", "data", "--version", "1", "--to", "")
    said.refused("--to", "The folder name is empty. Give the name of a new folder.", code=2)
    for nowhere in ("no/parent", "file/below", "d" * 256):
        said = stocked.run("datastore", "download", "--name", "data", "--version", "1", "--to", nowhere)
        said.refused("cannot be created")
    assert [path.name for path in full.iterdir()] == ["mine.txt"]
    found = sorted(path.name for path in stocked.home.iterdir() if path.name != ".grid")
    assert found == ["dangling", "empty", "file", "full", "stock"]
    stocked.nothing_changed(before)


def _unread(machine: Machine, *words: str) -> Said:
    """What the command says where what reads its output has ended."""
    reads, writes = os.pipe()
    os.close(reads)
    said = machine.run(*words, stdout=writes)
    os.close(writes)
    return said


def test_an_output_that_nobody_reads_is_no_traceback(stocked: Machine) -> None:
    before = stocked.state()
    one = ("--name", "data", "--version", "1")
    for words in ((), ("-o", "json"), ("files", *one), ("show", *one), ("--help",)):
        assert _unread(stocked, "datastore", *words).err == "", words
    typed = stocked.execute("-c", '"$0" datastore | head -0', stocked.grid, executable="/bin/sh")
    assert finished(typed).err == ""
    closed = finished(stocked.execute("-c", 'exec "$0" datastore >&-', stocked.grid, executable="/bin/sh"))
    assert (closed.code, closed.err) == (0, ""), closed
    with Path("/dev/full").open("w") as full:
        stocked.run("datastore", stdout=full).refused("No space left")
    stocked.nothing_changed(before)


def test_the_name_of_the_person_need_not_be_one_for_a_user(embedded: Machine) -> None:
    folder_of(embedded.home, {"a": b"1"})
    said = embedded.run("datastore", "create", "source", "--name", "data", env={"LOGNAME": "!!!"})
    assert said.done().startswith("Created version 1 of data")


@pytest.mark.proves("folder-of-this-machine")
@pytest.mark.parametrize("name", ["what?", "a%20b", "c#d", "e?mode=memory"])
def test_a_data_folder_may_have_any_name(embedded: Machine, name: str) -> None:
    folder_of(embedded.home, {"a": b"1"})
    embedded.extra["GRID_DIR"] = str(embedded.home / name)
    embedded.run("datastore", "create", "source", "--name=data").done()
    assert embedded.phases() == [(1, "SUCCEEDED")]
    assert sorted(path.name for path in embedded.home.iterdir()) == sorted([name, "source"])
    assert (embedded.home / name / "data" / "catalog.sqlite").is_file()


def test_a_catalog_elsewhere_is_one_of_sqlite(embedded: Machine) -> None:
    folder_of(embedded.home, {"a": b"1"})
    embedded.extra["GRID_DATABASE_URL"] = f"sqlite:///{embedded.home}/my%20catalog"
    embedded.run("datastore", "create", "source", "--name=data").done()
    assert (embedded.home / "my catalog").is_file()
    for address in ("nonsense", "postgresql://ana:hidden@host/database", "sqlite://", "sqlite:///a?mode=ro"):
        said = embedded.run("datastore", env={"GRID_DATABASE_URL": address})
        said.refused("GRID_DATABASE_URL is not valid", "sqlite:///PATH", code=2)
        assert "hidden" not in said.err


@pytest.mark.parametrize("words", [("datastore",), ("serve", "--port", "0")])
def test_storage_that_would_not_be_used_is_told(embedded: Machine, words: tuple[str, ...]) -> None:
    said = embedded.run(*words, env={"GRID_STORAGE_URL": "s3://bucket"})
    said.refused("GRID_STORAGE_URL is set, but the data can only be stored in a local folder. Unset it", code=2)
    assert list(embedded.home.iterdir()) == []
