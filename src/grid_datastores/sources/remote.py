"""What the server fetches itself, opened: the files of an archive or a bucket, ready to be packed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import InvalidInput
from grid_datastores.domain.model import Source, SourceKind
from grid_datastores.sources.addresses import Resolve, look_up
from grid_datastores.sources.archive import open_archive
from grid_datastores.sources.bucket import Bucket
from grid_datastores.sources.download import download
from grid_datastores.sources.limits import Limits
from grid_datastores.system.files import temporary_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from grid_datastores.storage.packing import FileToPack


@dataclass(frozen=True, slots=True)
class RemoteFiles:
    """The files of a source, each readable once or more, in any order, while the source is open.

    `folders` are the empty ones. `note` is what the user should know of how the source was read, "" for nothing.
    """

    files: Sequence[FileToPack]
    folders: Sequence[str] = ()
    note: str = ""

    @property
    def size_bytes(self) -> int:
        """The bytes of all files, as announced; reading them gives exactly so many, or raises."""
        return sum(file.size for file in self.files)


@contextmanager
def open_remote(
    source: Source,
    scratch: Path,
    limits: Limits | None = None,
    allowed_hosts: Collection[str] = (),
    resolve: Resolve = look_up,
) -> Iterator[RemoteFiles]:
    """Fetch an archive, or list a bucket; for a bucket (copied or referenced) the files are `BucketFile`s.

    Temporary files are made in the folder `scratch`, which must be there, and are gone when the context ends.
    `allowed_hosts` ("host", "host:port") are fetched from whatever their address. Raises `SourceFailed` with what to
    tell the user, `NoSpace` when the disk of `scratch` is full, `InvalidInput` for a source that is on no server.
    """
    limits = limits or Limits()
    match source.kind:
        case SourceKind.ARCHIVE:
            with temporary_file(scratch) as file:
                size = download(source.location, file, limits, allowed_hosts, resolve)
                with open_archive(file, size, scratch, limits) as unpacked:
                    yield RemoteFiles(unpacked.files, unpacked.folders, unpacked.note)
        case SourceKind.BUCKET | SourceKind.REFERENCE:
            yield RemoteFiles(Bucket(source.location, limits).files())
        case SourceKind.FILES:
            raise InvalidInput("Files on someone's machine are uploaded from there; the server cannot fetch them.")
