"""The files of a version are listed while they are printed, as text and as JSON, however many they are."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from hashlib import sha256

import pytest

from grid_datastores.storage import Manifest
from reliability.machine import Machine, finished, folder_of

FILES = 20_000
LIST = ("datastore", "files", "--name=data", "--version=1")


@pytest.fixture
def stocked(machine: Machine) -> Machine:
    """A machine whose version 1 of `data` has very many files, as its list and the catalog say."""
    machine.create(folder_of(machine.home, {"a.csv": b"1"}))
    place = machine.storage / machine.listing()[0]["id"] / "manifest.jsonl"
    attributes = json.loads(place.read_text())[1:]
    rows = "".join(json.dumps([f"{number:06}.csv", *attributes]) + "\n" for number in range(FILES)).encode()
    place.chmod(0o644)
    place.write_bytes(rows)
    with closing(sqlite3.connect(machine.storage.parent / "catalog.sqlite")) as catalog, catalog:
        digests = (sha256(rows).hexdigest(), Manifest.decode(rows).fingerprint)
        catalog.execute("UPDATE versions SET manifest_sha256 = ?, fingerprint = ?", digests)
    return machine


def _listed(machine: Machine, *words: str) -> str:
    """What the command lists. It prints the first lines while nobody takes the others, which fit into no pipe."""
    reading, writing = os.pipe()
    with machine.start(*LIST, *words, stdout=writing) as process:
        os.close(writing)
        try:
            with os.fdopen(reading) as out:
                first = out.readline() + out.readline()
                assert process.poll() is None
                rest = out.read()
            said = finished(process)
        finally:
            process.kill()
    assert (said.code, said.err) == (0, "")
    return first + rest


@pytest.mark.proves("lists-are-streamed")
def test_very_many_files_are_listed(stocked: Machine) -> None:
    header, *rows = _listed(stocked).splitlines()
    assert header == "          BYTES  SHA-256       PATH"
    assert rows[0] == "              1  6b86b273ff34  000000.csv"
    assert (len(rows), rows[-1][-10:]) == (FILES, f"{FILES - 1:06}.csv")


@pytest.mark.proves("lists-are-streamed", "files-in-json-are-one-array")
def test_very_many_files_are_listed_for_programs(stocked: Machine) -> None:
    said = _listed(stocked, "-o", "json")
    listed = json.loads(said)
    assert len(listed) == FILES
    assert list(listed[0]) == ["path", "size", "sha256", "executable", "modified"]
    assert said.splitlines()[1] == f"  {json.dumps(listed[0])},"


def test_the_first_of_very_many_files_are_listed_alone(stocked: Machine) -> None:
    for words in ("", "-o json"):
        command = f'"$0" {" ".join(LIST)} {words} | head -2'
        said = finished(stocked.execute("-c", command, stocked.grid, executable="/bin/sh"))
        assert (said.code, said.err, len(said.out.splitlines())) == (0, "", 2)
