"""What earlier commands left on this machine, erased by the next one: it never fails or waits for that.

These are the folders of downloads that were killed, and copies that Runs made of versions that are deleted since (rule
delete-removes-bytes). Nothing is imported where nothing is left.
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


def erase_leftovers(directory: Path, place: Callable[[], AbstractContextManager[Datastores]]) -> None:
    """Erase what is left below the settings' directory; `place` is opened only to be asked about copies."""
    with suppress(OSError, Refusal):
        if _holds_any(directory / "unfinished-downloads"):
            from grid_datastores.machine.staging import erase_abandoned

            erase_abandoned(directory)
        if _holds_any(directory / "cache"):
            with place() as datastores:
                _erase_deleted(directory, datastores)


def erase_copies(directory: Path, datastores: Datastores, ref: VersionRef) -> bool:
    """Erase the copies that this machine has of a deleted version; answers whether none is left."""
    from grid_datastores.machine.mounts import copies, unmount

    found = [copy for copy in copies(directory)[0] if copy.ref == ref]
    here = datastores.identity().id if found else ""
    erased = [unmount(directory, copy.version_id) for copy in found if copy.place == here]
    return all(erased)


def _erase_deleted(directory: Path, datastores: Datastores) -> None:
    """This place is asked about the copies of its versions; those without a note are erased: a Run makes them again."""
    from grid_datastores.machine.mounts import copies, unmount

    noted, unknown = copies(directory)
    for version_id in unknown:
        unmount(directory, version_id)
    here = datastores.identity().id if noted else ""
    if ids := {copy.version_id for copy in noted if copy.place == here}:
        for version_id in datastores.deleted(ids):
            unmount(directory, version_id)


def _holds_any(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
