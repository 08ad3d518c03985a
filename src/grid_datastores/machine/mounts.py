"""Mounting on this machine: a version's files in a folder that can only be read, checked by the fingerprint.

Large files of a version that is kept here are linked to where they lie, so nothing is copied, unless this user could
write through the link, as root can; the rest is written once. The folder is named by the version's id: another version
never shares it, and deleting the version removes it.

Two locks lie beside the folder. Who uses the folder shares one of them for as long; who removes or renews the folder
holds it alone, and never waits for it: what is in use stays. The other is a gate: one at a time looks what is there,
and acts on it.

A note beside the folder says which version of which place it is a copy of, so that the copy can be erased when the
version is deleted elsewhere (rule delete-removes-bytes).
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
from grid_datastores.system.file_locks import alone, shared
from grid_datastores.system.files import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from grid_datastores.domain.model import FileEntry, Version
    from grid_datastores.gateway.protocol import Datastores
    from grid_datastores.storage import Manifest

_CHUNK = 1024 * 1024  # bytes
_EXECUTE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
CACHE = "cache"
_NOTE, _GATE = ".place", ".gate"


@dataclass(frozen=True, slots=True)
class Copy:
    """A version's files that mounting wrote on this machine, and the id of the place that keeps the version."""

    version_id: str
    place: str
    ref: VersionRef


def mount_folder(directory: Path, version: Version) -> Path:
    """Where the version is mounted, below the settings' directory; refused where its id could lead elsewhere."""
    if not is_id(version.id):
        raise NotUnderstood(f"{version.id[:60]!r} is not the id of a version; nothing was mounted.")
    return directory / CACHE / version.id


@contextmanager
def mounted(
    datastores: Datastores, directory: Path, version: Version, progress: Callable[[int], object]
) -> Iterator[Path]:
    """The folder with the version's files, made when it is not there or not what it should be; kept while it is used.

    Raises `Damaged` when it is not what it should be and somebody else uses it.
    """
    folder = mount_folder(directory, version)
    manifest = datastores.manifest(version)
    place = datastores.identity().id
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as use:
        with alone(_gate(folder), wait=True):
            _write_note(folder, Copy(version.id, place, version.ref))  # first: there is no copy without one
            if not (folder.exists() and _holds(folder, manifest)):
                _renew(datastores, version, manifest, directory, progress)
            use.enter_context(shared(_lock(folder)))
        yield folder


def unmount(directory: Path, version_id: str) -> bool:
    """Remove what mounting left, if anything; answers whether nothing is left. What is in use is left.

    What mounting did not make is never removed: the settings' directory may be one with people's own files.
    """
    if not is_id(version_id):
        return True  # nothing was mounted by such a name
    folder = directory / CACHE / version_id
    try:
        if _is_made_here(folder):
            with alone(_gate(folder), wait=False), alone(_lock(folder), wait=False):
                for path in _leftovers(folder):
                    _remove(path)
    except OSError:  # in use, or not ours to remove
        return False
    return True


def clear_mounts(directory: Path) -> tuple[int, int]:
    """Remove all that mounting left and nobody uses; answers of how many versions, and of how many it stays."""
    ids = _mounted_ids(directory)
    holding = {version_id for version_id in ids if (directory / CACHE / version_id).is_dir()}
    removed = {version_id: unmount(directory, version_id) for version_id in ids}
    told = [done for version_id, done in removed.items() if version_id in holding]
    return told.count(True), told.count(False)


def copies(directory: Path) -> tuple[list[Copy], list[str]]:
    """The copies below the settings' directory, and the ids of those without a note, made by an earlier release."""
    noted = {version_id: _read_note(directory / CACHE / version_id) for version_id in _mounted_ids(directory)}
    return [copy for copy in noted.values() if copy], [version_id for version_id, copy in noted.items() if not copy]


def _mounted_ids(directory: Path) -> list[str]:
    """The ids of the versions that mounting has made anything of, sorted."""
    ids = {path.stem for path in (directory / CACHE).glob("*") if path.suffix in (_NOTE, _GATE)}
    return sorted(each for each in ids if is_id(each) and _is_made_here(directory / CACHE / each))


def _is_made_here(folder: Path) -> bool:
    """Whether mounting made it: it has an empty gate, which is made first and removed last, or a note."""
    gate = _gate(folder)
    gated = gate.is_file() and not gate.is_symlink() and gate.stat().st_size == 0
    return gated or _read_note(folder) is not None


def _write_note(folder: Path, copy: Copy) -> None:
    if _read_note(folder) == copy:
        return
    fields = {"place": copy.place, "name": copy.ref.name, "number": copy.ref.number}
    _note(folder).write_text(json.dumps(fields))  # under the gate: nobody reads half of it


def _read_note(folder: Path) -> Copy | None:
    """The copy in this folder; None where there is no note, or none that can be read."""
    try:
        fields = json.loads(_note(folder).read_bytes())
        return Copy(folder.name, str(fields["place"]), VersionRef(str(fields["name"]), int(fields["number"])))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _note(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{_NOTE}")


def _gate(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{_GATE}")


def _lock(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _leftovers(folder: Path) -> list[Path]:
    """The folder, what was written aside and never became it, the note, and at last the locks."""
    aside = folder.parent.glob(f".{folder.name}.*")
    return [path for path in (folder, *aside, _note(folder), _lock(folder), _gate(folder)) if os.path.lexists(path)]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink()


def _renew(
    datastores: Datastores,
    version: Version,
    manifest: Manifest,
    directory: Path,
    progress: Callable[[int], object],
) -> None:
    folder = mount_folder(directory, version)
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
                directory=directory,
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
