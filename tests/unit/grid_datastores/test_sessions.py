"""Sessions and Runs: what they hold and show, and that a Session is a record."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from in_process import MOUNT, NAMED, Terminal
from manual_clock import Clock

from grid_datastores.domain.errors import InUse, NameTaken
from grid_datastores.domain.model import Source, SourceKind, User, WorkloadKind, WorkloadState
from grid_datastores.service import Service
from grid_datastores.storage import Manifest

SESSION = ("session", "create", "tuning", *MOUNT)


@pytest.fixture
def stocked(terminal: Terminal) -> Terminal:
    """Somebody with version 1 of `data`."""
    terminal.create({"a.csv": b"1"})
    return terminal


def _files(terminal: Terminal) -> set[Path]:
    """All files of this person but those of the catalog."""
    return {path for path in terminal.home.rglob("*") if path.is_file() and "catalog.sqlite" not in path.name}


@pytest.mark.proves("session-is-a-record")
def test_a_session_is_a_record(stocked: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process starts, no file is made, no lease runs out: only the list has it, with its name and its state."""
    path = stocked.home / "mounted"
    before = _files(stocked)
    for owner, name in ((subprocess, "Popen"), (os, "fork"), (os, "posix_spawn")):
        monkeypatch.setattr(owner, name, lambda *_: pytest.fail("a process was started"))
    stocked.done(*SESSION, "--datastore_mount_dir", str(path))
    assert not path.exists()
    assert _files(stocked) == before
    [shown] = stocked.json("session")
    assert (shown["name"], shown["status"]["phase"]) == ("tuning", "SESSION_STATE_RUNNING")
    assert "lease" not in str(shown).lower()


@pytest.mark.proves("usual-mount-path")
def test_a_version_is_mounted_below_datastores_unless_another_path_is_given(stocked: Terminal) -> None:
    assert "with version 1 of data at /datastores/data." in stocked.done(*SESSION)
    words = ("session", "create", "second", *MOUNT, "--datastore_mount_dir", "/srv/birds")
    assert "with version 1 of data at /srv/birds." in stocked.done(*words)
    listed = stocked.done("session")
    for name, path in (("tuning", "/datastores/data"), ("second", "/srv/birds")):
        assert re.search(rf"^{name} .*version 1 of data at {path}$", listed, re.MULTILINE), listed


@pytest.mark.proves("session-list-columns")
def test_the_list_has_name_state_since_when_and_mounts(
    service: Service, ana: User, terminal: Terminal, clock: Clock, tmp_path: Path
) -> None:
    begun = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    version = service.uploads.publish(ana, begun.id, Manifest.of([]))
    tuning = service.workloads.start(ana, WorkloadKind.SESSION, "tuning", {version.id: ""})
    clock.go(60)
    exploring = service.workloads.start(ana, WorkloadKind.SESSION, "exploring", {version.id: ""})
    clock.go(3540)
    paused = service.workloads.set_state(ana, WorkloadKind.SESSION, tuning.id, WorkloadState.PAUSED)
    head, *rows = terminal.done("session", GRID_DIR=str(tmp_path)).splitlines()
    assert head.split() == ["NAME", "STATE", "SINCE", "MOUNTS"]
    mounts = "version 1 of data at /datastores/data"
    assert [re.split(r"  +", row.strip()) for row in rows] == [
        ["tuning", "paused", f"{paused.state_since:%Y-%m-%d %H:%M:%S} UTC", mounts],
        ["exploring", "running", f"{exploring.created_at:%Y-%m-%d %H:%M:%S} UTC", mounts],
    ]
    assert paused.state_since - tuning.created_at == timedelta(hours=1)


@pytest.mark.proves("version-unchanged-by-its-holders")
def test_a_session_and_a_run_that_end_leave_their_version_as_it_was(stocked: Terminal) -> None:
    def known() -> dict[str, object]:
        shown = stocked.json("datastore", "show", *NAMED)["datastore"]
        return {key: shown[key] for key in ("id", "name", "spec")} | {"phase": shown["status"]["phase"]}

    def stored() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in (stocked.home / ".grid/data/versions").rglob("*") if path.is_file()}

    before = known(), stored()
    assert before[1]
    stocked.done(*SESSION)
    stocked.done("session", "delete", "tuning")
    assert (known(), stored()) == before
    assert stocked.type("run", "--name", "nightly", *MOUNT, "--", "true").code == 0
    assert (known(), stored()) == before


@pytest.mark.proves("run-has-a-read-only-copy")
def test_a_run_has_its_files_in_a_folder_without_the_permission_to_write(stocked: Terminal) -> None:
    assert stocked.type("run", "--name", "nightly", *MOUNT, "--", "test", "-f", "{data}/a.csv").code == 0
    [file] = (stocked.home / ".grid" / "cache").rglob("a.csv")
    assert (file.read_bytes(), file.is_symlink()) == (b"1", False)
    for path in (file, file.parent):
        assert stat.filemode(path.stat().st_mode).count("w") == 0


@pytest.mark.proves("held-by-another")
@pytest.mark.parametrize("kind", WorkloadKind)
def test_what_another_session_or_run_uses_is_held(service: Service, ana: User, kind: WorkloadKind) -> None:
    begun = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    version = service.uploads.publish(ana, begun.id, Manifest.of([]))
    first = service.workloads.start(ana, WorkloadKind.SESSION, "tuning", {version.id: ""})
    service.workloads.start(ana, kind, "other", {version.id: ""})
    service.workloads.set_state(ana, WorkloadKind.SESSION, first.id, WorkloadState.DELETED)
    with pytest.raises(InUse, match=f"in use by {kind} other"):
        service.deletion.delete(ana, version.id)


@pytest.mark.proves("name-taken-until-the-end")
@pytest.mark.parametrize("kind", WorkloadKind)
def test_the_name_of_a_session_or_run_is_taken_until_it_ends(service: Service, ana: User, kind: WorkloadKind) -> None:
    begun = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    version = service.uploads.publish(ana, begun.id, Manifest.of([]))
    end = WorkloadState.DELETED if kind is WorkloadKind.SESSION else WorkloadState.CANCELED
    first = service.workloads.start(ana, kind, "nightly", {version.id: ""})
    with pytest.raises(NameTaken, match=f"{kind} nightly already exists"):
        service.workloads.start(ana, kind, "nightly", {version.id: ""})
    assert [workload.id for workload in service.workloads.list(ana, kind)] == [first.id]
    service.workloads.set_state(ana, kind, first.id, end)
    assert service.workloads.start(ana, kind, "nightly", {version.id: ""}).state is WorkloadState.RUNNING


@pytest.mark.proves("nothing-works-on-a-name-alone")
@pytest.mark.parametrize(
    "words",
    [
        ("datastore", "show", "--name", "data"),
        ("datastore", "files", "--name", "data"),
        ("datastore", "download", "--name", "data"),
        ("datastore", "delete", "--name", "data"),
        ("session", "create", "tuning", "--datastore_name", "data"),
        ("run", "--name", "nightly", "--datastore_name", "data", "--", "true"),
    ],
)
def test_nothing_works_on_a_name_alone(terminal: Terminal, words: tuple[str, ...]) -> None:
    answer = terminal.type(*words)
    assert answer.code == 2
    assert "version" in answer.err
    assert list(terminal.home.iterdir()) == []
