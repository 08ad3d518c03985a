"""A version of very many files is listed while its list is read, as text and as JSON."""

from __future__ import annotations

import json

import pytest

from reliability.machine import Machine, finished, folder_of

MANY = 200_000  # to lay them out as a table of that many rows took minutes
FILES = ("files", "--name=data", "--version=1")


@pytest.fixture
def many(machine: Machine) -> Machine:
    """Version 1 of `data`, whose stored list of files names as many as this."""
    machine.create(folder_of(machine.home, {"a.csv": b"1"}))
    manifest = machine.storage / machine.listing()[0]["id"] / "manifest.jsonl"
    [row] = map(json.loads, manifest.read_text().splitlines())
    manifest.unlink()
    manifest.write_text("".join(json.dumps([f"{n:06}.csv", *row[1:]]) + "\n" for n in range(MANY)))
    return machine


def test_very_many_files_are_listed(many: Machine) -> None:
    header, *rows = many.run("datastore", *FILES).done().splitlines()
    assert header == "          BYTES  SHA-256       PATH"
    assert rows[0] == "              1  6b86b273ff34  000000.csv"
    assert (len(rows), rows[-1][-10:]) == (MANY, "199999.csv")


def test_very_many_files_are_listed_for_programs(many: Machine) -> None:
    said = many.run("datastore", *FILES, "-o", "json").done()
    listed = json.loads(said)
    assert len(listed) == MANY
    assert list(listed[0]) == ["path", "size", "sha256", "executable", "modified"]
    assert said.splitlines()[1] == f"  {json.dumps(listed[0])},"


def test_the_first_of_very_many_files_are_listed_alone(many: Machine) -> None:
    for words in ("", "-o json"):
        said = finished(
            many.execute("-c", f'"$0" datastore {" ".join(FILES)} {words} | head -2', many.grid, executable="/bin/sh")
        )
        assert (said.code, said.err, len(said.out.splitlines())) == (0, "", 2)
