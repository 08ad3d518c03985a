"""Mounting on this machine: a version's files in a folder that can only be read, checked by the fingerprint.

Large files of a version that is kept here are linked to where they lie, so nothing is copied; the rest is written
once. The folder is named by the version's id: another version never shares it, and deleting the version removes it.
"""

from __future__ import annotations

import shutil
import stat
from hashlib import sha256
from typing import TYPE_CHECKING

from grid_datastores.model import ETAG
from grid_datastores.restore import restore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from grid_datastores.datastores import Datastores
    from grid_datastores.model import FileEntry, Version
    from grid_datastores.storage import Manifest

_CHUNK = 1024 * 1024  # bytes
_FOLDER = "cache"


def mount_folder(directory: Path, version: Version) -> Path:
    """Where the version is mounted, below the settings' directory."""
    return directory / _FOLDER / version.id


def mount(datastores: Datastores, directory: Path, version: Version, progress: Callable[[int], object]) -> Path:
    """The folder with the version's files, made when it is not there or not what it should be."""
    folder = mount_folder(directory, version)
    manifest = datastores.manifest(version)
    if folder.exists():
        if _holds(folder, manifest):
            return folder
        remove_tree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def lies_at(file: FileEntry) -> Path | None:
        path = datastores.local_object(version, file.object)
        whole = path and file.offset == 0 and path.is_file() and path.stat().st_size == file.size
        return path if whole else None

    restore(manifest, lambda name: datastores.read_object(version, name), folder, progress, lies_at)
    _make_read_only(folder)
    return folder


def unmount(directory: Path, version_id: str) -> bool:
    """Remove what mounting left, if anything; False where that could not be done."""
    folder = directory / _FOLDER / version_id
    try:
        if folder.exists():
            remove_tree(folder)
    except OSError:
        return False
    return True


def clear_mounts(directory: Path) -> int:
    """Remove all that mounting left; says how many versions."""
    folders = [path for path in (directory / _FOLDER).glob("*") if path.is_dir()]
    for folder in folders:
        remove_tree(folder)
    return len(folders)


def remove_tree(folder: Path) -> None:
    """Remove a folder that can only be read."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(stat.S_IRWXU)
    shutil.rmtree(folder)


def _make_read_only(folder: Path) -> None:
    for path in folder.rglob("*"):
        if not path.is_dir() and not path.is_symlink():
            path.chmod(0o444)
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o555)


def _holds(folder: Path, manifest: Manifest) -> bool:
    """Whether the folder holds exactly the manifest's files, byte for byte."""
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    return there == {file.path for file in manifest.files} and all(
        not file.sha256.startswith(ETAG) and _digest(folder / file.path) == file.sha256 for file in manifest.files
    )


def _digest(path: Path) -> str:
    digest = sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()
