"""What the service needs of the place where the bytes of versions are stored.

A storage keeps objects: a version has a handful of them, shared with no other version. An implementation may be a
folder, a bucket, or anything else that keeps these promises.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from grid_datastores.storage.manifest import Manifest
    from grid_datastores.storage.packing import Writer

    Guard = Callable[[], AbstractContextManager[object]]


class Assembled(Protocol):
    """An object that was made of an upload's parts and has no name yet."""

    @property
    def digests(self) -> list[str]:
        """The ETag of each part, in order; "" for a part that did not exist."""

    def keep(self) -> None:
        """Give the object its name, under the version's lock. Replaces the leftover of a killed process."""

    def discard(self) -> None:
        """Erase the object, unless it was kept."""


class Storage(Protocol):
    """The objects of versions, each below the version's id; users name none of them.

    Every method raises `NotFound` for a version that was not begun, or was erased; a writer raises `NoSpace` when the
    storage is full, and then keeps nothing. `guard` is entered while an object gets its name: where that
    raises, nothing changes.
    """

    def begin(self, version_id: str) -> None:
        """Make the version's place, durably. Objects can be written from now on, until it is erased."""

    def begun(self, version_id: str) -> bool:
        """Whether the version was begun, and not erased since."""

    def claim(self, version_id: str) -> AbstractContextManager[bool]:
        """Let one thread of one process finish the version. Enters False while another does, or when it is erased."""

    def new_object(
        self,
        version_id: str,
        name: str,
        guard: Guard = nullcontext,
    ) -> AbstractContextManager[Writer]:
        """Write one object. It exists, whole, when the context ends without an exception; durably after `sync`."""

    def sync(self, version_id: str) -> None:
        """Make all objects and parts that have their names durable."""

    def size(self, version_id: str, name: str) -> int:
        """The size of an object in bytes."""

    def read(self, version_id: str, name: str, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        """`size` bytes (all, when None) of an object from `offset` on; raises `Damaged` when it is shorter."""

    def local_path(self, version_id: str, name: str) -> Path | None:
        """The object as a file of this machine, for a Run that links to it; None where storage has no such file."""

    def new_part(
        self,
        version_id: str,
        upload_id: str,
        number: int,
        guard: Guard,
    ) -> AbstractContextManager[Writer]:
        """Write one part of an upload. It exists, whole and durable, when the context ends without an exception."""

    def stored_parts(self, version_id: str, counts: Mapping[str, int]) -> dict[tuple[str, int], str]:
        """The ETags of the whole parts of these uploads, by upload and number; `counts` has each upload's parts."""

    def assemble(self, version_id: str, upload_id: str, parts: int, name: str) -> Assembled:
        """Make one object of an upload's parts, which stay until `discard_parts`; a missing part adds nothing."""

    def discard_parts(self, version_id: str, upload_id: str, parts: int) -> None:
        """Erase the parts of an upload."""

    def publish(
        self,
        version_id: str,
        manifest: Manifest,
        guard: Guard = nullcontext,
    ) -> None:
        """Store the manifest, durably and atomically: the version is whole (rule version-complete).

        Whatever the manifest does not name is erased.
        """

    def published(self, version_id: str) -> Manifest | None:
        """The manifest of a published version with all its objects, else None.

        The process that published it may have been killed before the catalog recorded that.
        """

    def manifest(self, version_id: str) -> Manifest:
        """The published manifest; raises `Damaged` when it is missing or no manifest."""

    def manifest_pieces(self, version_id: str) -> Iterator[bytes]:
        """The published manifest as it is stored, in pieces of whole lines; raises `Damaged` when it is missing."""

    def erase(self, version_id: str) -> None:
        """Erase every byte of the version (rule delete-removes-bytes), also of one that is erased already."""
