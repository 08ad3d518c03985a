"""Check the stored data against the catalog: every version's files, and data that no version owns."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from grid_datastores.domain.commands import delete_command
from grid_datastores.domain.errors import Refusal
from grid_datastores.domain.model import ETAG, Phase
from grid_datastores.domain.text import counted
from grid_datastores.service.catalog_check import lacking
from grid_datastores.service.integrity import verify_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from grid_datastores.domain.model import FileEntry, User, Version
    from grid_datastores.service.catalog_check import Lacking
    from grid_datastores.service.context import Context

_WITHOUT_DATA = (Phase.DELETED, Phase.FAILED)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one version of a user."""

    version: Version
    user: User
    what: str

    def __str__(self) -> str:
        command = delete_command(self.version.ref)
        return f"{self.version.ref} (user {self.user.name}): {self.what} To delete it: {command}"


class Checking:
    """The use cases of `grid admin check`. They are safe while a server runs."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def versions(self) -> list[tuple[User, Version]]:
        """Return all available versions, by user, name and number."""
        with self._context.catalog.read() as tx:
            owned = [(user, version) for user in tx.users.all() for version in tx.versions.of_owner(user.id)]
        return [(user, version) for user, version in owned if version.phase is Phase.AVAILABLE]

    def lacking(self, catalog: Path) -> Lacking:
        """Return what the whole log has and the catalog lacks. Raises `Damaged` if the log cannot be read."""
        return lacking(catalog, self._context.storage)

    def problem(self, user: User, version: Version, progress: Callable[[int], object]) -> Problem | None:
        """Return what is wrong with an available version, or None. `progress` counts the bytes that are read."""
        try:
            wrong = self._wrong(version, progress)
        except Refusal as error:
            wrong = error.message
        if not wrong:
            return None
        with self._context.catalog.read() as tx:
            current = tx.versions.get(version.id)
        was_deleted = current is None or current.phase is not Phase.AVAILABLE
        return None if was_deleted else Problem(version, user, wrong)

    def _wrong(self, version: Version, progress: Callable[[int], object]) -> str:
        storage = self._context.storage
        verify_manifest(storage.manifest_chunks(version.id), version)
        files = storage.manifest(version.id).files
        stored = [file for file in files if not file.sha256.startswith(ETAG)]  # the others stay in a bucket
        by_position = sorted(stored, key=lambda file: (file.object, file.offset))
        damaged = [file.path for file in by_position if not self._is_intact(version, file, progress)]
        if not damaged:
            return ""
        more = f" and {counted(len(damaged) - 1, 'more file')}" if len(damaged) > 1 else ""
        return f"{min(damaged)!r}{more} cannot be read, or does not match its SHA-256."

    def _is_intact(self, version: Version, file: FileEntry, progress: Callable[[int], object]) -> bool:
        digest = sha256()
        try:
            for chunk in self._chunks(version, file):
                digest.update(chunk)
                progress(len(chunk))
        except (Refusal, OSError):
            return False
        return digest.hexdigest() == file.sha256

    def _chunks(self, version: Version, file: FileEntry) -> Iterator[bytes]:
        return self._context.storage.read(version.id, file.object, file.offset, file.size)

    def unowned(self) -> list[str]:
        """Return the ids of stored data that no version owns, sorted. The removal erases that of deleted versions."""
        stored = self._context.storage.begun_versions()  # first: a version is in the catalog before it is in storage
        with self._context.catalog.read() as tx:
            queued = {version.id for version in tx.versions.queued_removals()}
            known = {version_id: tx.versions.get(version_id) for version_id in stored - queued}
        return sorted(each for each, found in known.items() if found is None or found.phase in _WITHOUT_DATA)

    def erase_unowned(self) -> int:
        """Erase the data that no version owns, and return how many ids had some."""
        unowned = self.unowned()
        for version_id in unowned:
            self._context.storage.erase(version_id)
        self._context.storage.sync_erased()
        return len(unowned)
