"""`grid admin check`: what it finds, and what `--repair` erases and leaves."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from in_process import Terminal

from grid_datastores.service.integrity import DAMAGED_LIST


def test_it_says_that_all_is_well(terminal: Terminal) -> None:
    assert terminal.type("admin", "check").err.startswith("Error: There is nothing to check in ")
    assert not (terminal.home / ".grid" / "data").exists()
    terminal.create({"a": b"hi"})
    assert terminal.done("admin", "check") == "Checked 1 version with 2 bytes. No problem found.\n"


@pytest.mark.proves("check-reads-every-file")
@pytest.mark.parametrize("spoil", ["pack", "manifest", "attribute", "missing"])
def test_it_finds_damaged_files(terminal: Terminal, spoil: str) -> None:
    terminal.create({"a": b"hi", "b": b"ho"})
    terminal.create({"c": b"more"})
    (first, _second) = terminal.json("datastore")
    stored = terminal.home / ".grid" / "data" / "versions" / first["id"]
    if spoil == "missing":
        shutil.rmtree(stored)
        wrong = "The data of this version is missing from storage."
    elif spoil in ("manifest", "attribute"):
        change = (b'["a"', b'["z"') if spoil == "manifest" else (b"false", b"true ")  # whether "a" is executable
        _replace(stored / "manifest.jsonl", *change)
        wrong = DAMAGED_LIST
    else:
        _replace(stored / "pack-00001.tar", b"ho", b"hi")
        wrong = "'b' cannot be read, or does not match its SHA-256."
    answer = terminal.type("admin", "check")
    assert answer.code == 1
    assert answer.err == (
        f"Error: Checked 2 versions with 12 bytes. 1 problem found:\n  version 1 of data (user local): {wrong}"
        " To delete it: grid datastore delete --name data --version 1\n"
    )


@pytest.mark.proves("check-prints-json")
def test_it_prints_json(terminal: Terminal) -> None:
    terminal.create({"a": b"hi"})
    assert terminal.json("admin", "check") == {"versions": 1, "sizeBytes": 2, "repairs": [], "problems": []}
    versions = terminal.home / ".grid" / "data" / "versions"
    (owned,) = versions.iterdir()
    owned.rename(versions / "unknown")
    answer = terminal.type("admin", "check", "-o", "json")
    assert (answer.code, answer.err) == (1, "Error: Checked 1 version with 2 bytes. 2 problems found.\n")
    damaged, unowned = json.loads(answer.out)["problems"]
    assert damaged == {
        "user": "local",
        "name": "data",
        "version": 1,
        "message": "The data of this version is missing from storage.",
    }
    assert unowned["message"].startswith("There is data of 1 version that the catalog does not have.")
    answer = terminal.type("admin", "check", "--repair", "-o", "json")
    assert json.loads(answer.out)["repairs"] == ["Erased the data of 1 version that the catalog does not have."]


@pytest.mark.proves("check-finds-unowned-data")
def test_it_erases_only_what_no_version_owns(terminal: Terminal) -> None:
    terminal.create({"a": b"hi"})
    versions = terminal.home / ".grid" / "data" / "versions"
    (owned,) = versions.iterdir()
    (versions / "unknown").mkdir()
    (versions / "unknown" / "pack-00001.tar").write_bytes(b"?")
    answer = terminal.type("admin", "check")
    assert answer.code == 1
    assert "data of 1 version that the catalog does not have" in answer.err
    assert terminal.done("admin", "check", "--repair") == (
        "Erased the data of 1 version that the catalog does not have.\n"
        "Checked 1 version with 2 bytes. No problem found.\n"
    )
    assert list(versions.iterdir()) == [owned]


def test_a_new_log_erases_nothing(terminal: Terminal) -> None:
    terminal.create({"a": b"hi"})
    data = terminal.home / ".grid" / "data"
    (data / "versions" / "unknown").mkdir()
    (data / "log").unlink()
    with closing(sqlite3.connect(data / "catalog.sqlite")) as catalog, catalog:
        catalog.execute("DELETE FROM log_entries WHERE sequence = 1")  # as later changes do
    answer = terminal.type("admin", "check", "--repair")
    assert answer.out == "Wrote a new log of the data from the catalog.\n"
    assert answer.code == 1
    assert (data / "versions" / "unknown").exists()


def test_it_finds_a_damaged_log(terminal: Terminal) -> None:
    terminal.create({"a": b"hi"})
    log = terminal.home / ".grid" / "data" / "log"
    _replace(log, b"local", b"loCal")
    answer = terminal.type("admin", "check")
    assert "The log of the data is damaged. To write a new one: grid admin check --repair" in answer.err
    assert terminal.type("admin", "check", "--repair").code == 0
    assert terminal.type("admin", "check").code == 0


def test_it_finds_a_lost_last_line_of_the_log(terminal: Terminal) -> None:
    terminal.create({"a": b"hi"})
    data = terminal.home / ".grid" / "data"
    shutil.copy(data / "catalog.sqlite", terminal.home / "copy")
    terminal.done("datastore", "delete", "--name", "data", "--version", "1")
    _replace(data / "log", b'{"deleted"', b'{"Deleted"')
    shutil.copy(terminal.home / "copy", data / "catalog.sqlite")
    answer = terminal.type("admin", "check")
    assert answer.code == 1
    assert answer.err.startswith("Error: The last line of the log in ")
    answer = terminal.type("admin", "check", "--repair")
    assert answer.out == "Wrote a new log of the data from the catalog.\n"
    assert answer.code == 1  # the version is there again, without its data


def _replace(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.chmod(0o644)
    path.write_bytes(content.replace(old, new, 1))


def test_it_finds_a_corrupt_catalog(terminal: Terminal) -> None:
    """As after a copy over the file of a running server."""
    terminal.create({"a": b"hi"})
    catalog = terminal.home / ".grid" / "data" / "catalog.sqlite"
    with closing(sqlite3.connect(catalog)) as connection, connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name LIKE '%index_datastores_2'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with catalog.open("r+b") as file:  # this index is now empty, which no query notices
        file.seek((page - 1) * size)
        file.write(b"\x0a" + bytes(4) + b"\x10" + bytes(size - 6))
    for options in ([], ["--repair"]):
        answer = terminal.type("admin", "check", *options)
        assert answer.code == 1
        assert answer.err.startswith(f"Error: The catalog {catalog} is damaged: ")
        assert answer.err.endswith(". Restore it from a backup.\n")


def test_it_finds_and_restores_what_the_catalog_lacks_in_its_middle(terminal: Terminal) -> None:
    terminal.create({"a": b"hi"})
    terminal.done("datastore", "delete", "--name", "data", "--version", "1")
    terminal.create({"a": b"hi"})
    with closing(sqlite3.connect(terminal.home / ".grid" / "data" / "catalog.sqlite")) as catalog, catalog:
        catalog.execute("UPDATE versions SET phase = 'available', deleted_at = NULL WHERE number = 1")
    answer = terminal.type("admin", "check")
    assert answer.code == 1
    assert "The catalog lacks 1 deletion, which the log of the data has." in answer.err
    assert terminal.done("admin", "check", "--repair") == (
        "Brought the catalog up to date: it lacked 1 deletion.\nChecked 1 version with 2 bytes. No problem found.\n"
    )
