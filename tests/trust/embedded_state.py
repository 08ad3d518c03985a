"""What a machine without a server has: its versions by a command, their files, and the folders of its storage."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

from grid_datastores.gateway.embedded import open_read_only
from grid_datastores.settings import Limits, Settings
from reliability.machine import Machine
from trust.acknowledged import AVAILABLE, ORPHANED, Files, Ref, Seen
from trust.attack import Figures
from trust.places import read


def listed(machine: Machine) -> dict[Ref, Seen]:
    """The versions that are not deleted."""
    return {
        (item["name"], item["spec"]["version"]): Seen(
            item["id"], item["status"]["phase"].removeprefix("DATASTORE_OPTIMIZATION_STATUS_")
        )
        for item in machine.listing()
    }


def files_of(machine: Machine, seen: Seen) -> Files:
    """The files of a version."""
    directory = machine.directory
    datastores = open_read_only(Settings(directory, directory / "data" / "catalog.sqlite", Limits()))
    assert datastores
    with closing(datastores):
        return read(datastores, next(one for one in datastores.versions() if one.id == seen.id))


def check_storage(figures: Figures, machine: Machine, versions: Mapping[Ref, Seen], why: str) -> None:
    """Storage has the bytes of these versions and no other."""
    storage, ids = machine.storage, {seen.id: seen for seen in versions.values()}
    folders = {path.name for path in storage.iterdir() if path.is_dir()} if storage.is_dir() else set()
    figures.check(folders <= set(ids), ORPHANED, f"folders {folders - set(ids)}, {why}")
    for name in folders & set(ids):
        if ids[name].phase == AVAILABLE:
            new = [path.name for path in (storage / name).iterdir() if path.name.endswith(".new")]
            figures.check(not new, ORPHANED, f"{new} in {name}, {why}")
