"""Names and attributes of files through the command line: links, deep folders, long paths, programs, umask."""

from __future__ import annotations

import os
import subprocess

import pytest

from reliability.machine import Machine, finished, folder_of


@pytest.mark.proves("linked-file-keeps-typed-name")
def test_a_file_given_by_a_link_has_the_name_that_was_typed(machine: Machine) -> None:
    content = machine.home / "SHA256E-s4--9f86d08"
    content.write_bytes(b"1,2\n")
    (machine.home / "penguins.csv").symlink_to(content)
    machine.create("penguins.csv", "penguins")
    listed = machine.run("datastore", "files", "--name", "penguins", "--version", "1", "-o", "json").done()
    assert '"penguins.csv"' in listed
    shown = machine.run("datastore", "show", "--name", "penguins", "--version", "1").done()
    assert f"{machine.home}/penguins.csv (files, uploaded)" in shown


def test_folders_that_nest_too_deep_are_refused_by_their_length(machine: Machine) -> None:
    source = folder_of(machine.home, {"a.csv": b"1\n"})
    subprocess.run(["mkdir", "-p", "/".join("d" * 600)], cwd=source, check=True)
    try:
        said = machine.run("datastore", "create", "source", "--name", "deep")
        said.refused("source/d/d/d", "1,025 bytes. At most 1,024 are allowed", code=2)
        assert machine.listing() == []
    finally:
        subprocess.run(["rm", "-rf", source], check=True)  # too deep for Python's own removal


@pytest.mark.proves("rejected-names-cost-no-other-file")
def test_a_name_that_the_destination_does_not_take_costs_no_other_file(machine: Machine) -> None:
    deep = "/".join(["d" * 200] * 4)
    machine.create(folder_of(machine.home, {"a.csv": b"1\n", f"{deep}/b.csv": b"2\n", "c.csv": b"3\n"}))
    place = machine.home
    while len(str(place)) < 3500:  # a path has 4,095 bytes at most
        place /= "p" * 200
        place.mkdir()
    said = machine.run("datastore", "download", "--name", "data", "--version", "1", "--to", str(place / "data"))
    assert said.code == 1, said
    assert "contains 2 of 3 files. Its file system rejected these names:" in said.err, said
    assert "/b.csv" in said.err or deep[:100] in said.err, said
    assert sorted(path.name for path in (place / "data").iterdir() if path.is_file()) == ["a.csv", "c.csv"]
    assert [path.name for path in place.iterdir()] == ["data"]


@pytest.mark.proves("run-keeps-times-and-programs")
def test_a_large_program_runs_where_it_lies_and_keeps_its_time(embedded: Machine) -> None:
    """A large file is linked for a Run of a user who cannot write through the link, and copied for others."""
    source = folder_of(embedded.home, {"tool": b"#!/bin/sh\necho measured\nexit\n" + b"#" * 2**20})
    (source / "tool").chmod(0o755)
    os.utime(source / "tool", (1234567890, 1234567890))
    embedded.create(source)
    run = ("run", "--name", "survey", "--datastore_name", "data", "--datastore_version", "1", "--")
    for powerless in (False, True):
        assert embedded.run(*run, "sh", "-c", "{data}/tool", powerless=powerless).done() == "measured\n"
        times = embedded.run(*run, "stat", "--dereference", "--format=%Y %A", "{data}/tool", powerless=powerless).done()
        assert times == "1234567890 -r-xr-xr-x\n"


def test_a_download_under_a_strict_umask_is_for_its_user_alone(machine: Machine) -> None:
    machine.create(folder_of(machine.home, {"deep/a.csv": b"1\n"}))
    words = ("datastore", "download", "--name", "data", "--version", "1", "--to", "mine")
    finished(machine.execute(*words, umask=0o077)).done()
    found = [machine.home / "mine", *(machine.home / "mine").rglob("*")]
    assert [oct(path.stat().st_mode & 0o777) for path in found] == ["0o700", "0o700", "0o600"]


@pytest.mark.proves("run-keeps-empty-folders")
def test_a_run_keeps_its_empty_folders_and_finds_them_the_next_time(machine: Machine) -> None:
    source = folder_of(machine.home, {"a.csv": b"1\n"})
    (source / "photos" / "2026").mkdir(parents=True)
    machine.create(source)
    run = ("run", "--name", "survey", "--datastore_name", "data", "--datastore_version", "1", "--")
    first = machine.run(*run, "sh", "-c", "cd {data}; find . ; stat --format=%Z .").done()
    assert machine.run(*run, "sh", "-c", "cd {data}; find . ; stat --format=%Z .").done() == first
    assert "./photos/2026" in first
