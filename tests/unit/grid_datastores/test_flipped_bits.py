"""A flipped bit of a catalog or a journal is noticed, whatever it spoils."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from in_process import MOUNT, NAMED, Terminal

from grid_datastores.catalog import peek
from grid_datastores.domain.errors import Damaged
from grid_datastores.domain.model import Place
from grid_datastores.machine.upload_journal import find_interrupted
from grid_datastores.service import Service

HEADER = {"place": "here", "version": "v", "name": "data", "number": 1, "location": "data", "files": [["a.csv", 1, 1]]}


@pytest.fixture
def catalog(terminal: Terminal) -> Path:
    """The catalog of a person with a version, all of it in one file."""
    terminal.create({"a.csv": b"1"})
    (path,) = terminal.home.rglob("catalog.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.mark.parametrize("text", [b"TABLE workloads", b"INDEX versions_by_size", b"TRIGGER"])
def test_a_catalog_whose_schema_is_no_text_is_damaged(terminal: Terminal, catalog: Path, text: bytes) -> None:
    content = bytearray(catalog.read_bytes())
    content[content.index(text)] ^= 0x80
    catalog.write_bytes(content)
    answer = terminal.type("datastore")
    assert answer.code == 1
    assert answer.err.startswith(f"Error: The catalog {catalog} is damaged: malformed database schema")
    with pytest.raises(peek.Unreadable):
        peek.user_ids(catalog)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE workloads SET state = 'runnyng'",
        "UPDATE workloads SET created_at = replace(created_at, ':', '>')",
        "UPDATE versions SET phase = 'availabme'",
        "UPDATE settings SET value = replace(value, '{', ';') WHERE key = 'lease-clock'",
    ],
)
def test_a_catalog_with_values_that_it_never_writes_is_damaged(terminal: Terminal, catalog: Path, change: str) -> None:
    terminal.done("session", "create", "tuning", *MOUNT)
    with closing(sqlite3.connect(catalog)) as connection:
        assert connection.execute(change).rowcount > 0
        connection.commit()
    answers = [terminal.type("session"), terminal.type("datastore"), terminal.type("datastore", "delete", *NAMED)]
    refused = [answer for answer in answers if answer.code]
    assert refused
    for answer in refused:
        assert (answer.code, "is damaged: " in answer.err) == (1, True), answer


def test_a_catalog_without_a_row_that_must_be_there_is_damaged(service: Service) -> None:
    """An index can have a row that the table lacks."""
    with pytest.raises(Damaged), service.context.catalog.read() as tx:
        tx.versions.expiry("a version of the index")


def test_an_error_beside_the_queries_is_no_damage(service: Service) -> None:
    with pytest.raises(ValueError, match=r"^not of the catalog$"), service.context.catalog.read():
        raise ValueError("not of the catalog")
    with pytest.raises(ValueError, match=r"^not of the catalog$"), service.context.catalog.write():
        raise ValueError("not of the catalog")


@pytest.mark.parametrize(("stored", "count"), [("a.csv", 1), ("a.c3v", 0)])
def test_a_journal_with_a_file_that_the_upload_lacks_is_ignored(tmp_path: Path, stored: str, count: int) -> None:
    journal = tmp_path / "uploads" / "v.jsonl"
    journal.parent.mkdir()
    row = {"object": "o", "files": [[stored, 1, "digest", 0, False, 1]]}
    journal.write_text("".join(f"{json.dumps(line)}\n" for line in (HEADER, row)))
    assert len(find_interrupted(tmp_path, lambda: Place("here", "here")).journals) == count
