"""Storage: the bytes of versions, in objects that no two versions share."""

from grid_datastores.storage.local import Assembled, LocalStorage
from grid_datastores.storage.manifest import Manifest, check_path
from grid_datastores.storage.packing import CHUNK, FileToPack, ObjectSink, Writer, pack

__all__ = [
    "CHUNK",
    "Assembled",
    "FileToPack",
    "LocalStorage",
    "Manifest",
    "ObjectSink",
    "Writer",
    "check_path",
    "pack",
]
