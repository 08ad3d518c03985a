"""Erase what earlier commands left on this machine (rule delete-removes-bytes).

This covers the folders of killed downloads and the copies that Runs made of versions that are now deleted. It is best
effort: the current command neither fails nor waits because of it. The imports are local, because most commands find
nothing to erase.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from grid_datastores.domain.model import VersionRef
    from grid_datastores.gateway.protocol import Datastores


def erase_leftovers(directory: Path, connect: Callable[[], AbstractContextManager[Datastores]]) -> None:
    """Erase all leftovers below the settings directory. Calls `connect` only if this machine has copies."""
    with suppress(OSError, Refusal):
        if _has_entries(directory / "unfinished-downloads"):
            from grid_datastores.machine.staging import erase_abandoned

            erase_abandoned(directory)
        if _has_entries(directory / "cache"):
            with connect() as datastores:
                _erase_deleted(directory, datastores)


def erase_copies(directory: Path, datastores: Datastores, ref: VersionRef) -> bool:
    """Erase this machine's copies of a deleted version. Return whether all were erased."""
    from grid_datastores.machine.mounts import find_copies, unmount

    found = [copy for copy in find_copies(directory)[0] if copy.ref == ref]
    place_id = datastores.identity().id if found else ""
    erased = [unmount(directory, copy.version_id) for copy in found if copy.place_id == place_id]
    return all(erased)


def _erase_deleted(directory: Path, datastores: Datastores) -> None:
    """Erase the copies of versions that these datastores have deleted, and all copies of unknown origin.

    A Run can make a copy of unknown origin again.
    """
    from grid_datastores.machine.mounts import find_copies, unmount

    known, unknown_ids = find_copies(directory)
    for version_id in unknown_ids:
        unmount(directory, version_id)
    place_id = datastores.identity().id if known else ""
    if ids := {copy.version_id for copy in known if copy.place_id == place_id}:
        for version_id in datastores.deleted(ids):
            unmount(directory, version_id)


def _has_entries(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
