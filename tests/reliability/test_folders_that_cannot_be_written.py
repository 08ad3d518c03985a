"""A folder that this user cannot write: what is stored can be read, and everything else is refused in a sentence."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from reliability.machine import Machine, Said, finished, folder_of

_NAMED = ("--name", "data", "--version", "1")
_MOUNT = ("--datastore_name", "data", "--datastore_version", "1")
_READING = (
    ("datastore",),
    ("datastore", "-o", "json"),
    ("datastore", "show", *_NAMED),
    ("datastore", "files", *_NAMED),
    ("datastore", "delete", *_NAMED, "--dry-run"),
    ("datastore", "download", *_NAMED, "--to", "copy"),
    ("session",),
    ("status",),
    ("user", "list"),
)
_WRITING = (
    ("datastore", "create", "more", "--name", "data"),
    ("datastore", "delete", *_NAMED),
    ("session", "create", "tuning", *_MOUNT),
    ("run", "--name", "nightly", *_MOUNT, "--", "true"),
    ("user", "add", "ben"),
    ("serve", "--port", "0"),
)


def _permissions(machine: Machine) -> Iterator[Callable[..., Said]]:
    subprocess.run(["chmod", "-R", "a-w", str(machine.directory)], check=True)
    yield lambda *words: finished(machine.start(*words, powerless=True))
    subprocess.run(["chmod", "-R", "u+w", str(machine.directory)], check=True)


def _mounted(machine: Machine) -> Iterator[Callable[..., Said]]:
    if os.geteuid() != 0:
        pytest.skip("Only root can mount.")
    place = str(machine.directory)
    subprocess.run(["mount", "--bind", place, place], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
    yield lambda *words: finished(machine.start(*words))
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def stored(embedded: Machine) -> Machine:
    embedded.create(folder_of(embedded.home, {"a": b"1", "deep/b": b"2"}))
    folder_of(embedded.home, {"c": b"3"}, "more")
    return embedded


@pytest.fixture(params=[_permissions, _mounted], ids=["permissions", "mounted read-only"])
def typed(request: pytest.FixtureRequest, stored: Machine) -> Iterator[Callable[..., Said]]:
    """Commands on a machine with one version, in a folder that cannot be written."""
    yield from request.param(stored)


def _there(machine: Machine) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in machine.directory.rglob("*")}


def test_what_is_stored_can_be_read(typed: Callable[..., Said], stored: Machine) -> None:
    _reads_what_is_stored(typed, stored)


@pytest.mark.proves("read-only-folder-can-be-read")
def test_what_is_stored_can_be_read_without_the_permission_to_write(stored: Machine) -> None:
    """On any machine: only root can mount."""
    for typed in _permissions(stored):
        _reads_what_is_stored(typed, stored)


def _reads_what_is_stored(typed: Callable[..., Said], stored: Machine) -> None:
    before = _there(stored)
    for words in _READING:
        assert typed(*words).done(), words
    assert (stored.home / "copy" / "deep" / "b").read_bytes() == b"2"
    assert [item["name"] for item in json.loads(typed("datastore", "-o", "json").done())] == ["data"]
    assert _there(stored) == before


def test_everything_else_is_refused_in_a_sentence(typed: Callable[..., Said], stored: Machine) -> None:
    before = _there(stored)
    for words in _WRITING:
        typed(*words).refused(f"{stored.directory}/data is read-only, so nothing was changed", "GRID_DIR")
    assert _there(stored) == before


def test_what_another_process_has_just_written_is_read(stored: Machine) -> None:
    """Its log is not yet part of the catalog's file."""
    with closing(sqlite3.connect(stored.directory / "data" / "catalog.sqlite")) as catalog:
        catalog.execute("UPDATE versions SET name = 'daily'")
        catalog.commit()
        for typed in _permissions(stored):
            assert [item["name"] for item in json.loads(typed("datastore", "-o", "json").done())] == ["daily"]


def test_a_copy_without_the_index_of_its_log_is_refused_in_a_sentence(stored: Machine) -> None:
    data = stored.directory / "data"
    with closing(sqlite3.connect(data / "catalog.sqlite")) as catalog:
        catalog.execute("UPDATE versions SET name = 'daily'")
        catalog.commit()
        shutil.copytree(data, stored.home / "data", ignore=shutil.ignore_patterns("*-shm"))
    shutil.rmtree(data)
    (stored.home / "data").rename(data)
    for typed in _permissions(stored):
        typed("datastore").refused("catalog.sqlite-shm is missing", "cannot be created here", "grid datastore")
    assert stored.listing()[0]["name"] == "daily"


def test_an_older_catalog_is_left_as_it_is(stored: Machine) -> None:
    with closing(sqlite3.connect(stored.directory / "data" / "catalog.sqlite")) as catalog:
        catalog.execute("PRAGMA user_version = 1")
    for typed in _permissions(stored):
        typed("datastore").refused("from an older release and is read-only", "grid datastore")
