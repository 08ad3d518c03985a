"""What `delete` tells is what it did: each of several versions, in text and in JSON, also when something else fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from acceptance import executables
from reliability.machine import Machine, Said, folder_of

DELETE = ("datastore", "delete", "--name=data")
# What Runs left of a version cannot be removed.
_STUCK = """
import shutil
def stuck(*given, **named):
    raise PermissionError(1, "Operation not permitted")
import grid_datastores.mounting as mounting
mounting.remove_tree = stuck
"""


@pytest.fixture
def filled(machine: Machine) -> Machine:
    """Versions 1 to 3 of `data`; a Session uses 2."""
    folder = folder_of(machine.home, {"a.csv": b"1,2\n"})
    for _ in range(3):
        machine.create(folder)
    machine.run("session", "create", "tuning", "--datastore_name=data", "--datastore_version=2").done()
    return machine


def _told(said: Said) -> list[dict[str, Any]]:
    return list(json.loads(said.out))


def test_each_of_several_versions_is_told_in_json(filled: Machine) -> None:
    said = filled.run(*DELETE, "--version=1", "--version=2", "--version=9", "-o", "json")
    said.refused("1 of 3 versions could be deleted; each stands for itself.")
    gone, used, unknown = _told(said)
    assert (gone["version"], gone["quotaAfter"]["used"], "refusal" in gone) == (1, 2, False)
    assert (used["version"], unknown["version"]) == (2, 9)
    assert "in use by Session tuning" in used["refusal"]
    assert "There is no version 9 of data" in unknown["refusal"]


def test_what_was_only_asked_is_told_apart_in_json(filled: Machine) -> None:
    said = json.loads(filled.run(*DELETE, "--version=1", "--dry-run", "-o", "json").done())
    assert (said["dryRun"], said["deletedAt"]) == (True, None)
    done = json.loads(filled.run(*DELETE, "--version=1", "-o", "json").done())
    assert done["deletedAt"]
    assert "dryRun" not in done
    assert {**said, "deletedAt": 0} == {**done, "deletedAt": 0, "dryRun": True}


def test_one_refusal_alone_is_told_as_everywhere(filled: Machine) -> None:
    said = filled.run(*DELETE, "--version=2", "-o", "json")
    said.refused("in use by Session tuning")
    assert said.out == ""


def test_a_deletion_is_told_although_a_mount_cannot_be_removed(filled: Machine, tmp_path: Path) -> None:
    filled.run("run", "--name=look", "--datastore_name=data", "--datastore_version=1", "--", "true").done()
    filled.grid = executables.wrapped(tmp_path, _STUCK)
    said = filled.run(*DELETE, "--version=1", "--version=3")
    assert said.code == 0, said
    assert [line.split(":")[0] for line in said.out.splitlines() if line.startswith("Deleted")] == [
        "Deleted version 1 of data",
        "Deleted version 3 of data",
    ]
    assert said.err.startswith("Warning: the files that a Run has of version 1 of data on this machine"), said
    assert len(said.err.splitlines()) == 1
