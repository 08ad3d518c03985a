"""What `delete` tells is what it did: each of several versions, in text and in JSON, also when something else fails."""

from __future__ import annotations

import json
import re
from pathlib import Path
from select import select
from typing import Any

import pytest

from acceptance.waiting import wait_until
from reliability.faults import prepared, waiting
from reliability.machine import Machine, Said, folder_of
from reliability.nonsense import serving

DELETE = ("datastore", "delete", "--name=data")
_TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
# What Runs left of a version cannot be removed.
_STUCK = """
import shutil
def stuck(*given, **named):
    raise PermissionError(1, "Operation not permitted")
import grid_datastores.machine.mounts as mounting
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
    said.refused("1 of 3 versions was deleted.")
    gone, used, unknown = _told(said)
    assert (gone["version"], gone["deleted"], gone["quotaAfter"]["used"], "reason" in gone) == (1, True, 2, False)
    assert (used["version"], used["deleted"], used["reason"]) == (2, False, "DATASTORE_IN_USE")
    assert "in use by Session tuning" in used["message"]
    [holder] = used["holders"]
    assert (holder["kind"], holder["name"], holder["state"]) == ("Session", "tuning", "running")
    assert (unknown["version"], unknown["deleted"], unknown["reason"], unknown["holders"]) == (
        9,
        False,
        "NOT_FOUND",
        [],
    )
    assert "There is no version 9 of data" in unknown["message"]


def test_what_was_only_asked_is_told_apart_in_json(filled: Machine) -> None:
    said = json.loads(filled.run(*DELETE, "--version=1", "--dry-run", "-o", "json").done())
    assert (said["dryRun"], said["deleted"], said["deletedAt"]) == (True, False, None)
    done = json.loads(filled.run(*DELETE, "--version=1", "-o", "json").done())
    assert done["deletedAt"]
    assert {**done, "deletedAt": 0, "dryRun": True, "deleted": False} == {**said, "deletedAt": 0}


@pytest.mark.proves("dry-run-exits-with-the-verdict")
@pytest.mark.parametrize("how", [(), ("--dry-run",)])
def test_one_refusal_alone_is_told_in_json_too(filled: Machine, how: tuple[str, ...]) -> None:
    said = filled.run(*DELETE, "--version=2", "-o", "json", *how)
    said.refused("in use by Session tuning")
    told = json.loads(said.out)
    assert list(told) == ["name", "version", "deleted", "dryRun", "reason", "message", "holders"]
    assert (told["deleted"], told["dryRun"], told["reason"]) == (False, bool(how), "DATASTORE_IN_USE")
    assert [holder["name"] for holder in told["holders"]] == ["tuning"]
    assert said.err == f"Error: {told['message']}\n"


@pytest.mark.proves("refusal-on-stderr", "exit-codes-of-refused-deletions", "refused-deletion-changes-nothing")
def test_a_refused_deletion_is_told_on_stderr_and_changes_nothing(filled: Machine) -> None:
    before = filled.state()
    for words, code in ((("--version=2",), 1), (("--version=9",), 1), ((), 2), (("--version=latest",), 2)):
        said = filled.run(*DELETE, *words)
        said.refused(code=code)
        assert said.out == ""
    filled.nothing_changed(before)


@pytest.mark.proves("show-tells-whether-deleted", "show-tells-when-bytes-are-gone", "deleted-version-keeps-details")
def test_show_tells_whether_a_version_is_deleted_and_what_remains(filled: Machine) -> None:
    before = _shown(filled)
    assert before["Phase"] == "available"
    assert "Deleted" not in before
    filled.run(*DELETE, "--version=1").done()
    wait_until(lambda: _shown(filled)["Bytes gone"] != "-", "the removal is recorded")
    after = _shown(filled)
    assert after["Phase"] == "deleted"
    assert re.fullmatch(rf"{_TIME} by ana\S*", after["Deleted"])
    assert re.fullmatch(_TIME, after["Bytes gone"])
    kept = ("Name", "Version", "Source", "Fingerprint")
    assert [after[label] for label in kept] == [before[label] for label in kept]
    assert len(before["Fingerprint"]) == 64


def _shown(machine: Machine) -> dict[str, str]:
    """The lines of `show`, by label."""
    said = machine.run("datastore", "show", "--name=data", "--version=1").done()
    return dict(re.findall(r"^(\w[\w ]*): +(.*)$", said.partition("History:")[0], re.MULTILINE))


@pytest.mark.proves("several-versions-each-answered")
def test_several_are_told_each_for_itself(filled: Machine) -> None:
    said = filled.run(*DELETE, "--version=1", "--version=2", "--version=3")
    said_lines = said.err.splitlines()
    assert said_lines[-1] == "Error: 2 of 3 versions were deleted."
    assert "The version was not deleted." in said_lines[0]
    assert "Nothing was deleted" not in said.err
    assert said.out.count("Kept version 2 (") == 2
    assert [line.partition(":")[0] for line in said.out.splitlines() if line.startswith("Deleted")] == [
        "Deleted version 1 of data",
        "Deleted version 3 of data",
    ]
    assert filled.phases() == [(2, "SUCCEEDED")]


def test_what_is_asked_for_several_is_what_would_happen(filled: Machine) -> None:
    both = (*DELETE, "--version=1", "--version=3")
    text = filled.run(*both, "--dry-run").done()
    assert text.count("Deleting it would keep version 2 (") == 2
    asked = _told(filled.run(*both, "--dry-run", "-o", "json"))
    done = _told(filled.run(*both, "-o", "json"))
    for one, other in zip(asked, done, strict=True):
        assert {**one, "deletedAt": 0, "dryRun": 0, "deleted": 0} == {
            **other,
            "deletedAt": 0,
            "dryRun": 0,
            "deleted": 0,
        }


@pytest.mark.proves("dry-run-exits-with-the-verdict")
def test_what_is_refused_of_several_that_are_only_asked_for(filled: Machine) -> None:
    said = filled.run(*DELETE, "--version=1", "--version=2", "--dry-run")
    assert said.code == 1
    assert said.err.splitlines()[-1] == "Error: 1 of 2 versions can be deleted."
    assert said.out.count("Deleting it would keep versions 2 (") == 1


@pytest.mark.proves("failed-listed-until-deleted")
def test_a_version_that_has_failed_is_not_kept(embedded: Machine) -> None:
    folder = folder_of(embedded.home, {"a.csv": b"1"})
    embedded.create(folder)
    embedded.create(folder)
    with serving() as server:
        server.body = b"no archive"
        hosts = {"GRID_ALLOW_SOURCE_HOSTS": "127.0.0.1"}
        embedded.run("datastore", "create", f"{server.url}/data.zip", "--name=data", env=hosts).refused()
    assert embedded.phases() == [(1, "SUCCEEDED"), (2, "SUCCEEDED"), (3, "FAILED")]
    said = embedded.run(*DELETE, "--version=1").done()
    assert re.search(r"^Kept version 2 \(\w+\) of data\.$", said, re.MULTILINE), said
    embedded.run(*DELETE, "--version=3").done()
    assert embedded.phases() == [(2, "SUCCEEDED")]


@pytest.mark.proves("unprinted-deletion-exits-with-3")
@pytest.mark.parametrize("how", [(), ("-o", "json")])
def test_what_cannot_be_printed_is_done_and_told(filled: Machine, how: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        said = filled.run(*DELETE, "--version=1", "--version=3", *how, stdout=full)
    assert said.err == "Deleted versions 1 and 3 of data. The result could not be printed: no space left on device.\n"
    assert said.code == 3
    assert filled.phases() == [(2, "SUCCEEDED")]


def test_what_is_refused_and_cannot_be_printed_is_refused(filled: Machine) -> None:
    with Path("/dev/full").open("w") as full:
        said = filled.run(*DELETE, "--version=1", "--version=2", stdout=full)
        assert said.code == 1
        assert "Deleted version 1 of data. The result could not be printed" in said.err
        assert said.err.splitlines()[-1] == "Error: 1 of 2 versions was deleted."
        filled.run(*DELETE, "--version=3", "--dry-run", stdout=full).refused("No space left on device")
    assert filled.phases() == [(2, "SUCCEEDED"), (3, "SUCCEEDED")]


@pytest.mark.proves("answer-before-erasure")
def test_the_answer_is_printed_before_the_bytes_are_erased(embedded: Machine, tmp_path: Path) -> None:
    embedded.create(folder_of(embedded.home, {"a.csv": b"1"}))
    gate = tmp_path / "gate"
    embedded.grid = waiting(tmp_path, gate, "grid_datastores.storage.local:LocalStorage.erase")
    with embedded.start(*DELETE, "--version=1") as process:
        wait_until(gate.exists, "the removal begins")
        assert process.stdout
        try:
            assert select([process.stdout], [], [], 0)[0], "nothing is printed yet"
            assert process.stdout.readline().startswith("Deleted version 1 of data")
        finally:
            gate.unlink()


def test_a_session_that_cannot_be_told_is_there(filled: Machine) -> None:
    words = ("session", "create", "second", "--datastore_name=data", "--datastore_version=1")
    for command, told in ((words, "running"), (("session", "delete", "second"), "deleted")):
        with Path("/dev/full").open("w") as full:
            said = filled.run(*command, stdout=full)
        assert said.code == 3
        assert said.err.startswith(f"Session second is {told}")
        assert said.err.endswith("The result could not be printed: no space left on device.\n")


def test_a_deletion_is_told_although_a_mount_cannot_be_removed(filled: Machine, tmp_path: Path) -> None:
    filled.run("run", "--name=look", "--datastore_name=data", "--datastore_version=1", "--", "true").done()
    filled.grid = prepared(tmp_path, _STUCK)
    said = filled.run(*DELETE, "--version=1", "--version=3")
    assert said.code == 0, said
    assert [line.split(":")[0] for line in said.out.splitlines() if line.startswith("Deleted")] == [
        "Deleted version 1 of data",
        "Deleted version 3 of data",
    ]
    assert said.err.startswith("Warning: this machine's copy of version 1 of data is in use by a Run"), said
    assert len(said.err.splitlines()) == 1
