"""Storage: the bytes of versions, in objects that no two versions share."""

from grid_datastores.storage.local import LocalStorage, undamaged
from grid_datastores.storage.manifest import Manifest, check_path, read_files
from grid_datastores.storage.packing import (
    CHUNK,
    FileToPack,
    ObjectSink,
    WithoutAttributes,
    Writer,
    pack,
    tar_folder,
    tar_header,
)
from grid_datastores.storage.protocol import Assembled, Storage

__all__ = [
    "CHUNK",
    "Assembled",
    "FileToPack",
    "LocalStorage",
    "Manifest",
    "ObjectSink",
    "Storage",
    "WithoutAttributes",
    "Writer",
    "check_path",
    "pack",
    "read_files",
    "tar_folder",
    "tar_header",
    "undamaged",
]
