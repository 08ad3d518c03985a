"""Mount versions on this machine: write a version's files into a read-only folder and verify them.

The folder's name is the version's id, so no other version shares it, and deleting the version removes it. The files
are copies, never links: root, and the owner of a link's target, could write through a link into the version. If this
machine stores the version, the copies of large files share their blocks with it if the file system supports that.

Two lock files lie beside the folder:

- `ID.lock`: users of the folder hold a shared lock. To remove or rewrite the folder, a process takes the exclusive
  lock without waiting, so a folder in use stays.
- `ID.gate`: an exclusive lock, so that only one process at a time examines the folder and acts on the result.

The note `ID.place` records the version and where it is stored. With it, the copy can be erased after the version was
deleted from another machine (rule delete-removes-bytes).
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import Damaged, NotUnderstood
from grid_datastores.domain.model import ETAG, VersionRef
from grid_datastores.domain.naming import is_id
from grid_datastores.machine.restore import check_all_written, restore
from grid_datastores.system.file_locks import exclusive_lock, shared_lock
from grid_datastores.system.files import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from grid_datastores.domain.model import FileEntry, Version
    from grid_datastores.gateway.protocol import Datastores
    from grid_datastores.storage import Manifest

_CHUNK_SIZE = 1024 * 1024  # bytes
_EXECUTE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
CACHE = "cache"  # the folder in the settings directory
_NOTE_SUFFIX, _GATE_SUFFIX = ".place", ".gate"


@dataclass(frozen=True, slots=True)
class Copy:
    """A mounted copy of a version's files on this machine, and the id of the place that stores the version."""

    version_id: str
    place_id: str
    ref: VersionRef


def mount_folder(directory: Path, version: Version) -> Path:
    """Return the folder for the version below the settings directory.

    Raises `NotUnderstood` for a malformed id, which could lead out of the directory.
    """
    if not is_id(version.id):
        raise NotUnderstood(f"The server sent a malformed version id: {version.id[:60]!r}. Nothing was mounted.")
    return directory / CACHE / version.id


@contextmanager
def mounted(
    datastores: Datastores, directory: Path, version: Version, progress: Callable[[int], object]
) -> Iterator[Path]:
    """Mount the version and yield its folder, which cannot be removed until the context ends.

    Rewrites the folder if its files differ from the manifest. Raises `Damaged` if another Run uses such a folder.
    """
    folder = mount_folder(directory, version)
    manifest = datastores.manifest(version)
    place_id = datastores.identity().id
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        with exclusive_lock(_gate_path(folder), wait=True):
            _write_note(folder, Copy(version.id, place_id, version.ref))  # before any file is written
            if not (folder.exists() and _matches(folder, manifest)):
                _rewrite(datastores, version, manifest, directory, progress)
            _make_read_only(folder)  # an earlier Run may have changed the permissions
            stack.enter_context(shared_lock(_lock_path(folder)))
        yield folder


def unmount(directory: Path, version_id: str) -> bool:
    """Remove the version's copy from this machine. Return False if it is in use or cannot be removed.

    Removes only what `mounted` created, because the settings directory can also contain the user's own files.
    """
    if not is_id(version_id):
        return True  # `mounted` refuses such an id
    folder = directory / CACHE / version_id
    try:
        if _was_mounted(folder):
            with exclusive_lock(_gate_path(folder), wait=False), exclusive_lock(_lock_path(folder), wait=False):
                for path in _existing_paths(folder):
                    _remove(path)
    except OSError:  # in use, or without permission
        return False
    return True


def clear_mounts(directory: Path) -> tuple[int, int]:
    """Remove all copies that are not in use. Return how many versions' copies were removed, and how many remain."""
    ids = _mounted_ids(directory)
    with_files = {version_id for version_id in ids if (directory / CACHE / version_id).is_dir()}
    removed = {version_id: unmount(directory, version_id) for version_id in ids}
    results = [done for version_id, done in removed.items() if version_id in with_files]
    return results.count(True), results.count(False)


def find_copies(directory: Path) -> tuple[list[Copy], list[str]]:
    """Return the copies below the settings directory, and the version ids of copies without a readable note.

    Earlier releases wrote no note.
    """
    notes = {version_id: _read_note(directory / CACHE / version_id) for version_id in _mounted_ids(directory)}
    return [copy for copy in notes.values() if copy], [version_id for version_id, copy in notes.items() if not copy]


def _mounted_ids(directory: Path) -> list[str]:
    """Return the ids of the versions that were mounted on this machine, sorted."""
    ids = {path.stem for path in (directory / CACHE).glob("*") if path.suffix in (_NOTE_SUFFIX, _GATE_SUFFIX)}
    return sorted(each for each in ids if is_id(each) and _was_mounted(directory / CACHE / each))


def _was_mounted(folder: Path) -> bool:
    """Return whether `mounted` created the folder: it has a note, or a gate, which is created first and removed last.

    A gate is an empty file. Other files of that name belong to the user.
    """
    gate = _gate_path(folder)
    has_gate = gate.is_file() and not gate.is_symlink() and gate.stat().st_size == 0
    return has_gate or _read_note(folder) is not None


def _write_note(folder: Path, copy: Copy) -> None:
    if _read_note(folder) == copy:
        return
    fields = {"place": copy.place_id, "name": copy.ref.name, "number": copy.ref.number}
    _note_path(folder).write_text(json.dumps(fields))  # no need for an atomic write: the caller holds the gate


def _read_note(folder: Path) -> Copy | None:
    """Return the copy that the folder's note describes, or None if the note is missing or unreadable."""
    try:
        fields = json.loads(_note_path(folder).read_bytes())
        return Copy(folder.name, str(fields["place"]), VersionRef(str(fields["name"]), int(fields["number"])))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _note_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{_NOTE_SUFFIX}")


def _gate_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{_GATE_SUFFIX}")


def _lock_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _existing_paths(folder: Path) -> list[Path]:
    """Return the folder, its staging folders, its note and its locks, as far as they exist, in order of removal."""
    staging = folder.parent.glob(f".{folder.name}.*")
    paths = (folder, *staging, _note_path(folder), _lock_path(folder), _gate_path(folder))
    return [path for path in paths if os.path.lexists(path)]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink()


def _rewrite(
    datastores: Datastores,
    version: Version,
    manifest: Manifest,
    directory: Path,
    progress: Callable[[int], object],
) -> None:
    folder = mount_folder(directory, version)
    try:
        with exclusive_lock(_lock_path(folder), wait=False):
            if folder.exists():
                remove_tree(folder)
            rejected = restore(
                manifest,
                lambda name: datastores.read_object(version, name),
                folder,
                progress,
                lambda name: datastores.local_object(version, name),
                directory=directory,
                verified=datastores.verifies_objects,
            )
            if rejected:  # a Run must never see an incomplete version
                remove_tree(folder)
            check_all_written(rejected, len(manifest.files), folder)
    except BlockingIOError as error:
        raise Damaged(
            f"The files in {folder} differ from {version.ref}, but another Run is using them. Nothing was changed."
            " Try again when that Run has ended."
        ) from error


def _make_read_only(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        mode = path.stat().st_mode
        wanted = 0o555 if path.is_dir() or mode & _EXECUTE else 0o444
        if stat.S_IMODE(mode) != wanted:
            path.chmod(wanted)


def _matches(folder: Path, manifest: Manifest) -> bool:
    """Return whether the folder has exactly the manifest's files and empty folders, with the same contents."""
    paths = {path: path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    files = {relative for path, relative in paths.items() if path.is_symlink() or not path.is_dir()}
    empty = {relative for path, relative in paths.items() if path.is_dir() and not any(path.iterdir())}
    return (
        files == {file.path for file in manifest.files}
        and empty == set(manifest.folders)
        and all(_has_mode(folder / file.path, file) for file in manifest.files)
        and all(_has_contents(folder / file.path, file) for file in manifest.files)
    )


def _has_mode(path: Path, file: FileEntry) -> bool:
    """Return whether the file on disk is executable if, and only if, the manifest says so."""
    try:
        return bool(path.stat().st_mode & _EXECUTE) == file.executable
    except OSError:  # for example a dangling link
        return False


def _has_contents(path: Path, file: FileEntry) -> bool:
    """Return whether the file on disk has the manifest's SHA-256. False for a link of an earlier release."""
    if path.is_symlink():
        return False
    try:
        if file.sha256.startswith(ETAG):  # the manifest of a reference has no SHA-256, so only the size can be compared
            return path.stat().st_size == file.size
        return _digest(path) == file.sha256
    except OSError:
        return False


def _digest(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_SIZE):
            digest.update(chunk)
    return digest.hexdigest()
