"""Many processes at once on the same data: numbers are unique, in use is never violated, storage and catalog agree."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from acceptance.waiting import wait_until
from reliability.machine import Machine, Said, finished, folder_of

MANY = 6


def _at_once(machine: Machine, commands: list[tuple[str, ...]]) -> list[Said]:
    """All commands started before the first is waited for."""
    return [finished(process) for process in [machine.start(*words) for words in commands]]


def _sound(machine: Machine, numbers: list[int]) -> None:
    """These versions are there, whole, and nothing else is in storage; each deleted one lost its bytes once."""
    assert machine.phases() == [(number, "SUCCEEDED") for number in numbers]
    ids = {item["id"] for item in machine.listing()}
    assert ids <= {path.name for path in machine.storage.iterdir()}
    for number in numbers:
        target = machine.home / f"check-{number}"
        machine.run("datastore", "download", "--name=data", f"--version={number}", "--to", str(target)).done()
        assert [path.name for path in target.iterdir()] == ["a.csv"]
    if not machine.server:
        wait_until(lambda: {path.name for path in machine.storage.iterdir()} == ids, "no orphan is in storage")


def _history(machine: Machine, number: int) -> list[str]:
    said = machine.run("datastore", "show", "--name=data", f"--version={number}", "-o", "json").done()
    return [event["kind"] for event in json.loads(said)["events"]]


def _source(machine: Machine) -> Path:
    return folder_of(machine.home, {"a.csv": b"1,2\n"})


def test_first_commands_at_once_on_a_new_folder_all_work(machine: Machine) -> None:
    _source(machine)
    said = _at_once(machine, [("datastore", "create", "source", "--name=data", "-o", "json")] * MANY)
    numbers = sorted(json.loads(each.done())["spec"]["version"] for each in said)
    assert numbers == list(range(1, MANY + 1))
    _sound(machine, numbers)


def test_of_many_deletes_of_one_version_one_succeeds(machine: Machine) -> None:
    machine.create(_source(machine))
    machine.create(machine.home / "source")
    said = _at_once(machine, [("datastore", "delete", "--name=data", "--version=1")] * MANY)
    assert [each.code for each in said].count(0) == 1
    for each in said:
        if each.code:
            each.refused("was already deleted on")
    wait_until(lambda: "bytes gone" in _history(machine, 1), "the bytes are gone")
    assert _history(machine, 1).count("bytes gone") == 1
    assert _history(machine, 1).count("deleted") == 1
    _sound(machine, [2])


def test_a_mount_and_a_delete_never_both_succeed(machine: Machine) -> None:
    source = _source(machine)
    numbers = [machine.create(source) for _ in range(4)]
    commands: list[tuple[str, ...]] = []
    for number in numbers:
        pair: list[tuple[str, ...]] = [
            ("datastore", "delete", "--name=data", f"--version={number}"),
            ("session", "create", f"s{number}", "--datastore_name=data", f"--datastore_version={number}"),
        ]
        commands += pair if number % 2 else pair[::-1]
    said = dict(zip(commands, _at_once(machine, commands), strict=True))
    held = []
    for number in numbers:
        delete, mount = (
            next(each for words, each in said.items() if words[0] == kind and words[-1].endswith(f"={number}"))
            for kind in ("datastore", "session")
        )
        assert {delete.code, mount.code} == {0, 1}, (delete, mount)
        if delete.code:
            delete.refused("is in use by Session")
            held.append(number)
        else:
            mount.refused(
                "was already deleted on",
                "To make a new version from its source, if that still exists: grid datastore create",
            )
    _sound(machine, held)


def test_creating_deleting_and_mounting_at_once_keeps_storage_and_catalog_in_step(machine: Machine) -> None:
    source = _source(machine)
    for _ in range(3):
        machine.create(source)
    delete = ("datastore", "delete", "--name=data")
    commands: list[tuple[str, ...]] = [
        *[("datastore", "create", "source", "--name=data")] * 3,
        *[(*delete, f"--version={number}") for number in (1, 2)],
        ("session", "create", "tuning", "--datastore_name=data", "--datastore_version=3"),
        ("datastore",),
        ("datastore", "download", "--name=data", "--version=3"),
    ]
    for each in _at_once(machine, commands):
        each.done()
    (machine.home / "data-3" / "a.csv").read_bytes()
    machine.run(*delete, "--version=3").refused("in use by Session tuning")
    _sound(machine, [3, 4, 5, 6])


@pytest.mark.proves("readers-wait-for-no-change")
def test_who_reads_does_not_wait_for_a_change_that_does_not_end(stocked: Machine) -> None:
    catalog = stocked.storage.parent / "catalog.sqlite"
    mount = ("--datastore_name=data", "--datastore_version=1")
    with closing(sqlite3.connect(catalog, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        changes = [stocked.start("session", "create", f"s{n}", *mount) for n in range(3)]
        assert "data" in stocked.run("datastore").done()
        assert json.loads(stocked.run("session", "list", "-o", "json").done()) == []
        assert [change.poll() for change in changes] == [None] * 3
    assert [finished(change).code for change in changes] == [0] * 3
    assert len(json.loads(stocked.run("session", "list", "-o", "json").done())) == 3
