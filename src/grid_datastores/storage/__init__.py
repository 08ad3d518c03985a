"""Store the bytes of versions as objects. Each object belongs to exactly one version."""

from grid_datastores.storage.local import LocalStorage, raising_damaged
from grid_datastores.storage.manifest import Manifest, check_path, fingerprint_of, read_files
from grid_datastores.storage.packing import (
    CHUNK,
    FileToPack,
    ObjectSink,
    WithoutAttributes,
    Writer,
    pack,
)
from grid_datastores.storage.protocol import Assembled, PartWriter, Storage
from grid_datastores.storage.tar_headers import BLOCK, tar_folder, tar_header

__all__ = [
    "BLOCK",
    "CHUNK",
    "Assembled",
    "FileToPack",
    "LocalStorage",
    "Manifest",
    "ObjectSink",
    "PartWriter",
    "Storage",
    "WithoutAttributes",
    "Writer",
    "check_path",
    "fingerprint_of",
    "pack",
    "raising_damaged",
    "read_files",
    "tar_folder",
    "tar_header",
]
