"""The interface to the storage of versions, which a folder, a bucket or any other store can implement.

A storage has objects. Each version has a few of them, and no two versions share one.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

from grid_datastores.storage.packing import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from grid_datastores.domain.log import LogEnd, LogEntry
    from grid_datastores.domain.model import Upload
    from grid_datastores.storage.manifest import Manifest

    Guard = Callable[[], AbstractContextManager[object]]


class Assembled(Protocol):
    """An object that was assembled from an upload's parts and has no name yet."""

    @property
    def digests(self) -> list[str]:
        """The ETags of the parts, in order, with "" for a part that is missing or has another ETag."""

    def commit(self) -> None:
        """Name the object, replacing the leftover of a killed process. The caller must hold the version's lock."""

    def discard(self) -> None:
        """Erase the object, unless it was committed."""


class PartWriter(Writer, Protocol):
    """Receives the bytes of one part."""

    @property
    def etag(self) -> str:
        """The ETag of what was written."""


class Log(Protocol):
    """The storage's log, which only its catalog continues. See `domain.log`."""

    def end(self) -> AbstractContextManager[LogEnd]:
        """Yield the end of the log. No process can continue the log until the context ends.

        Raises `Busy` if another process holds the log for too long, and `CatalogFailed` if it cannot be read.
        """

    def extend(self, entries_after: Callable[[LogEntry | None], Sequence[LogEntry]]) -> LogEntry | None:
        """Append the entries that follow the last one, and return the last entry. They are durable after `sync`.

        Calls `entries_after` with the last entry. No other process can continue the log meanwhile.
        """

    def sync(self) -> None:
        """Make all entries durable."""

    def entries(self) -> Iterator[LogEntry]:
        """Yield all entries. Raises `Damaged` if one is damaged that is not the last."""

    def replace(self, entries: Iterable[LogEntry]) -> None:
        """Replace the log by these entries, durably and atomically."""


class Storage(Protocol):
    """Stores the objects of versions. Users cannot choose the names of objects.

    Every method raises `NotFound` for a version that was not begun or was erased. If the storage is full, writers raise
    `NoSpace` and store nothing. Writers enter `guard` while they name the object. If `guard` raises an exception,
    nothing changes.
    """

    @property
    def log(self) -> Log:
        """The log of versions that were created and deleted."""

    def hold(self, *, alone: bool = False) -> bool:
        """Mark the storage as in use until `release`. Return False if another process repairs it.

        With `alone`, nothing else may use it: return False if another process does.
        """

    def release(self) -> None:
        """End `hold`. Does nothing if the storage is not held."""

    def begun_versions(self) -> set[str]:
        """Return the ids of all versions that were begun and not erased."""

    def begin(self, version_id: str) -> None:
        """Prepare the version durably, so that objects can be written until the version is erased."""

    def begun(self, version_id: str) -> bool:
        """Return whether the version was begun and not erased."""

    def claim(self, version_id: str) -> AbstractContextManager[bool]:
        """Claim the version, so that only one thread of one process finishes it.

        Yields False if the version is already claimed, or was erased.
        """

    def new_object(
        self,
        version_id: str,
        name: str,
        guard: Guard = nullcontext,
    ) -> AbstractContextManager[Writer]:
        """Open a new object for writing. It exists when the context ends without an exception, durably after `sync`."""

    def sync(self, version_id: str) -> None:
        """Make the names of all objects and parts durable."""

    def size(self, version_id: str, name: str) -> int:
        """Return the size of an object in bytes."""

    def read(self, version_id: str, name: str, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        """Yield `size` bytes (None: all) of an object from `offset`. Raises `Damaged` if the object is shorter."""

    def local_path(self, version_id: str, name: str) -> Path | None:
        """Return the object's path on this machine, so that Runs can link to it, or None if it is not a local file."""

    def new_part(
        self,
        version_id: str,
        upload: Upload,
        number: int,
        size: int | None,
        guard: Guard,
    ) -> AbstractContextManager[PartWriter]:
        """Open a part of an upload for writing, with its size in bytes if that is known.

        The part exists durably when the context ends without an exception.
        """

    def stored_parts(self, version_id: str, counts: Mapping[str, int]) -> dict[tuple[str, int], str]:
        """Return the ETags of all completely stored parts, by upload id and part number.

        `counts` maps each upload's id to its number of parts.
        """

    def assemble(self, version_id: str, upload_id: str, etags: Sequence[str], name: str) -> Assembled:
        """Assemble an object from all parts of an upload, which have these ETags. The parts stay stored."""

    def sha256(self, version_id: str, name: str) -> str:
        """Return the SHA-256 of an object in hexadecimal. Reads only the parts that were not hashed as they arrived."""

    def discard_parts(self, version_id: str, upload_id: str, etags: Sequence[str]) -> None:
        """Erase the parts of an upload, of which all or these have the ETags."""

    def publish(
        self,
        version_id: str,
        manifest: Manifest,
        guard: Guard = nullcontext,
    ) -> str:
        """Store the manifest durably and atomically, which completes the version (rule version-complete).

        Erases all objects that the manifest does not list. Returns the SHA-256 of the stored manifest.
        """

    def published_manifest(self, version_id: str) -> Manifest | None:
        """Return the manifest if it was published and all its objects exist, else None.

        The process that published it may have been killed before it could update the catalog.
        """

    def manifest(self, version_id: str) -> Manifest:
        """Return the published manifest. Raises `Damaged` if it is missing or cannot be decoded."""

    def manifest_chunks(self, version_id: str) -> Iterator[bytes]:
        """Yield the encoded manifest in chunks of whole lines. Raises `Damaged` if it is missing."""

    def erase(self, version_id: str, *, ignore_readers: bool = False) -> bool:
        """Erase every byte of the version (rule delete-removes-bytes). Does nothing if it is already erased.

        Readers of the version find its data shortened. Returns True while one still has a file open, unless they are to
        be ignored: then no byte is left, but the version is not erased completely. See `sync_erased`.
        """

    def sync_erased(self) -> None:
        """Make it durable that versions were erased."""
