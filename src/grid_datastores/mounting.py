"""Mounting on this machine: a version's files in a folder that can only be read, checked by the fingerprint.

Large files of a version that is kept here are linked to where they lie, so nothing is copied, unless this user could
write through the link, as root can; the rest is written once. The folder is named by the version's id: another version
never shares it, and deleting the version removes it.

Two locks lie beside the folder. Who uses the folder shares one of them for as long; who removes or renews the folder
holds it alone, and never waits for it: what is in use stays. The other is a gate: one at a time looks what is there,
and acts on it.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

from grid_datastores.errors import Damaged, NotUnderstood
from grid_datastores.locks import alone, shared
from grid_datastores.model import ETAG
from grid_datastores.restore import check_all_written, restore
from grid_datastores.rules import is_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from grid_datastores.datastores import Datastores
    from grid_datastores.model import FileEntry, Version
    from grid_datastores.storage import Manifest

_CHUNK = 1024 * 1024  # bytes
_EXECUTE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
_FOLDER = "cache"


def mount_folder(directory: Path, version: Version) -> Path:
    """Where the version is mounted, below the settings' directory; refused where its id could lead elsewhere."""
    if not is_id(version.id):
        raise NotUnderstood(f"{version.id[:60]!r} is not the id of a version; nothing was mounted.")
    return directory / _FOLDER / version.id


@contextmanager
def mounted(
    datastores: Datastores, directory: Path, version: Version, progress: Callable[[int], object]
) -> Iterator[Path]:
    """The folder with the version's files, made when it is not there or not what it should be; kept while it is used.

    Raises `Damaged` when it is not what it should be and somebody else uses it.
    """
    folder = mount_folder(directory, version)
    manifest = datastores.manifest(version)
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as use:
        with alone(_gate(folder), wait=True):
            if not (folder.exists() and _holds(folder, manifest)):
                _renew(datastores, version, manifest, folder, progress)
            use.enter_context(shared(_lock(folder)))
        yield folder


def unmount(directory: Path, version_id: str) -> bool:
    """Remove what mounting left, if anything; answers whether nothing is left. What is in use is left."""
    if not is_id(version_id):
        return True  # nothing was mounted by such a name
    folder = directory / _FOLDER / version_id
    try:
        if _leftovers(folder):
            with alone(_gate(folder), wait=False), alone(_lock(folder), wait=False):
                for path in _leftovers(folder):
                    _remove(path)
    except OSError:  # in use, or not ours to remove
        return False
    return True


def clear_mounts(directory: Path) -> tuple[int, int]:
    """Remove all that mounting left and nobody uses; answers of how many versions, and of how many it stays."""
    names = [path.name for path in (directory / _FOLDER).glob("*") if path.is_dir()]
    ids = {name.lstrip(".").partition(".")[0] for name in names}
    removed = [unmount(directory, version_id) for version_id in ids if is_id(version_id)]
    return removed.count(True), removed.count(False)


def _gate(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.gate")


def _lock(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _leftovers(folder: Path) -> list[Path]:
    """The folder, what was written aside and never became it, and at last the locks."""
    aside = folder.parent.glob(f".{folder.name}.*")
    return [path for path in (folder, *aside, _lock(folder), _gate(folder)) if os.path.lexists(path)]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink()


def _renew(
    datastores: Datastores, version: Version, manifest: Manifest, folder: Path, progress: Callable[[int], object]
) -> None:
    try:
        with alone(_lock(folder), wait=False):
            if folder.exists():
                remove_tree(folder)
            refused = restore(
                manifest,
                lambda name: datastores.read_object(version, name),
                folder,
                progress,
                lambda file: _place(datastores, version, file),
            )
            if refused:  # a Run reads all of a version, or none of it
                remove_tree(folder)
            check_all_written(refused, len(manifest.files), folder)
            _make_read_only(folder)
    except BlockingIOError as error:
        raise Damaged(
            f"The files in {folder} are not those of {version.ref}, and another Run uses them, so they stay."
            " Try again when it has ended."
        ) from error


def _place(datastores: Datastores, version: Version, file: FileEntry) -> Path | None:
    """Where the file lies whole and can be linked to: nobody must be able to write through the link."""
    path = datastores.local_object(version, file.object)
    if path is None or file.offset or not path.is_file() or _writable(path):
        return None
    same_time = file.modified in (None, path.stat().st_mtime_ns)
    return path if same_time and _may_run(path, file) and _is_file(path, file) else None


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK)  # root may write any file


def remove_tree(folder: Path) -> None:
    """Remove a folder that can only be read."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(stat.S_IRWXU)
    shutil.rmtree(folder)


def _make_read_only(folder: Path) -> None:
    for path in folder.rglob("*"):
        if not path.is_dir() and not path.is_symlink():
            path.chmod(0o555 if path.stat().st_mode & _EXECUTE else 0o444)
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o555)


def _holds(folder: Path, manifest: Manifest) -> bool:
    """Whether the folder holds exactly what the manifest lists, byte for byte as far as it knows the bytes."""
    paths = {path: path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    files = {inside for path, inside in paths.items() if not path.is_dir()}
    empty = {inside for path, inside in paths.items() if path.is_dir() and not any(path.iterdir())}
    return (
        files == {file.path for file in manifest.files}
        and empty == set(manifest.folders)
        and all(_may_run(folder / file.path, file) for file in manifest.files)
        and all(_is_file(folder / file.path, file) for file in manifest.files)
    )


def _may_run(path: Path, file: FileEntry) -> bool:
    """Whether the file on this disk is executable exactly where the manifest says so."""
    try:
        return bool(path.stat().st_mode & _EXECUTE) == file.executable
    except OSError:  # a link that leads nowhere any more
        return False


def _is_file(path: Path, file: FileEntry) -> bool:
    if path.is_symlink() and _writable(path):
        return False
    try:
        if file.sha256.startswith(ETAG):  # of a reference the contents are not known, only that the file came whole
            return path.stat().st_size == file.size
        return _digest(path) == file.sha256
    except OSError:
        return False


def _digest(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
