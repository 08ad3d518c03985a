"""The files of a version are listed while their list is read, as text and as JSON, however many they are."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO

import pytest

from acceptance.waiting import wait_until
from reliability.machine import Machine, finished, folder_of

HALF = 10_000  # of the files
FILES = ("datastore", "files", "--name=data", "--version=1")


@pytest.fixture
def manifest(machine: Machine) -> Path:
    """The stored list of files of version 1 of `data`."""
    machine.create(folder_of(machine.home, {"a.csv": b"1"}))
    return machine.storage / machine.listing()[0]["id"] / "manifest.jsonl"


def _half(row: str, first: int) -> str:
    """Lines of the list for as many files from this number on, each with the attributes of the one file."""
    attributes = json.loads(row)[1:]
    return "".join(json.dumps([f"{n:06}.csv", *attributes]) + "\n" for n in range(first, first + HALF))


def _arriving(place: Path) -> IO[str]:
    """Where the list is written for whoever reads it already."""

    def opened() -> int | None:
        try:
            return os.open(place, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads
            return None

    number = wait_until(opened, "the list is read")
    os.set_blocking(number, True)
    return os.fdopen(number, "w")


def _listed(machine: Machine, manifest: Path, *words: str) -> str:
    """What the command lists, which prints the first half of the list before the second arrives."""
    row = manifest.read_text()
    manifest.unlink()
    os.mkfifo(manifest)
    printed = machine.home / "printed"
    with printed.open("w") as out, machine.start(*FILES, *words, stdout=out) as process:
        try:
            with _arriving(manifest) as arriving:
                arriving.write(_half(row, 0))
                arriving.flush()
                wait_until(lambda: printed.stat().st_size, "the first files are listed")
                arriving.write(_half(row, HALF))
            said = finished(process)
        finally:
            process.kill()
    assert (said.code, said.err) == (0, "")
    return printed.read_text()


@pytest.mark.proves("lists-are-streamed")
def test_very_many_files_are_listed(machine: Machine, manifest: Path) -> None:
    header, *rows = _listed(machine, manifest).splitlines()
    assert header == "          BYTES  SHA-256       PATH"
    assert rows[0] == "              1  6b86b273ff34  000000.csv"
    assert (len(rows), rows[-1][-10:]) == (2 * HALF, f"{2 * HALF - 1:06}.csv")


@pytest.mark.proves("lists-are-streamed", "files-in-json-are-one-array")
def test_very_many_files_are_listed_for_programs(machine: Machine, manifest: Path) -> None:
    said = _listed(machine, manifest, "-o", "json")
    listed = json.loads(said)
    assert len(listed) == 2 * HALF
    assert list(listed[0]) == ["path", "size", "sha256", "executable", "modified"]
    assert said.splitlines()[1] == f"  {json.dumps(listed[0])},"


def test_the_first_of_very_many_files_are_listed_alone(machine: Machine, manifest: Path) -> None:
    row = manifest.read_text()
    manifest.unlink()
    manifest.write_text(_half(row, 0))
    for words in ("", "-o json"):
        command = f'"$0" {" ".join(FILES)} {words} | head -2'
        said = finished(machine.execute("-c", command, machine.grid, executable="/bin/sh"))
        assert (said.code, said.err, len(said.out.splitlines())) == (0, "", 2)
