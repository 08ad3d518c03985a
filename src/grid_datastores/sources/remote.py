"""Opens a source that the server fetches: the files of an archive or a bucket, ready to be packed."""

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
from grid_datastores.sources.limits import FetchLimits
from grid_datastores.system.files import temporary_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from grid_datastores.storage.packing import FileToPack


@dataclass(frozen=True, slots=True)
class RemoteFiles:
    """The files of an open source. Each can be read repeatedly and in any order.

    `folders` are the empty ones. `note` tells the user how the source was read ("" if nothing is unusual).
    """

    files: Sequence[FileToPack]
    folders: Sequence[str] = ()
    note: str = ""

    @property
    def size_bytes(self) -> int:
        """The announced total size in bytes. Reading a file yields exactly its announced size, or raises."""
        return sum(file.size for file in self.files)


@contextmanager
def open_remote(
    source: Source,
    scratch: Path,
    limits: FetchLimits | None = None,
    allowed_hosts: Collection[str] = (),
    resolve: Resolve = look_up,
) -> Iterator[RemoteFiles]:
    """Fetch an archive or list a bucket. For a bucket, copied or referenced, the files are `BucketFile`s.

    `scratch` is an existing folder for temporary files, which are erased when the context ends. `allowed_hosts`
    ("host", "host:port") may have addresses that are not public. Raises `SourceFailed`, `NoSpace` if the disk of
    `scratch` is full, and `InvalidInput` for a local path.
    """
    limits = limits or FetchLimits()
    match source.kind:
        case SourceKind.ARCHIVE:
            with temporary_file(scratch) as file:
                size = download(source.location, file, limits, allowed_hosts, resolve)
                with open_archive(file, size, scratch, limits) as unpacked:
                    yield RemoteFiles(unpacked.files, unpacked.folders, unpacked.note)
        case SourceKind.BUCKET | SourceKind.REFERENCE:
            yield RemoteFiles(Bucket(source.location, limits).files())
        case SourceKind.FILES:
            raise InvalidInput("The server cannot fetch local files. Upload them from the machine that has them.")
