"""Rows about the bytes: creating, downloading, listing and deleting versions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from datasets import large_files, small_files
from machines import Machine, Served
from pairs import Row, run, seconds
from peers import Borg, Restic

SMALL_FILES = 20_000
DELETED_FILES = 100_000
LARGE_FILES = 4


def rows(disk: Path, served: Served) -> Iterator[Row]:
    """Yield the rows, and make the data that each needs just before it is measured."""
    here = Machine.embedded(disk / "grid")
    many = small_files(disk / "many", SMALL_FILES)
    yield from _creating(disk, here, many, f"{SMALL_FILES:,} files of 4 KiB")
    yield from _creating_on_a_server(disk, served, many, f"{SMALL_FILES:,} files of 4 KiB", bound=2.5, durable=False)
    yield from _downloading(disk, here, served, many)
    large = large_files(disk / "large", LARGE_FILES)
    what = f"{LARGE_FILES} files of 512 MiB"
    yield _creating_row(disk, here, large, what, bound=1.2)
    yield from _creating_on_a_server(disk, served, large, what, bound=1.5, durable=True)
    shutil.rmtree(large)
    _removed(here.folder)
    yield from _listing_and_deleting(disk, here)


def _creating(disk: Path, here: Machine, source: Path, what: str) -> Iterator[Row]:
    restic, borg = Restic(disk / "restic"), Borg(disk / "borg")
    yield _creating_row(disk, here, source, what, bound=1.1)
    yield Row(
        name="create-restic",
        what=f"create, {what}",
        against="restic backup",
        bound=0.3,
        ours=lambda: here.create(source),
        peer=lambda: restic.backup(source),
        before_peer=restic.begin,
    )
    yield Row(
        name="create-borg",
        what=f"create, {what}",
        against="borg create",
        bound=0.3,
        ours=lambda: here.create(source),
        peer=lambda: borg.backup(source),
        before_peer=borg.begin,
    )


def _creating_row(disk: Path, here: Machine, source: Path, what: str, bound: float) -> Row:
    return Row(
        name=f"create-{source.name}",
        what=f"create, {what}",
        against="a durable copy: cp -r, sync",
        bound=bound,
        ours=lambda: here.create(source),
        peer=lambda: _copy(source, disk / "copy", durable=True),
        before_peer=lambda: _removed(disk / "copy"),
        before_ours=lambda: _removed(disk / "copy"),
    )


def _creating_on_a_server(
    disk: Path, served: Served, source: Path, what: str, bound: float, *, durable: bool
) -> Iterator[Row]:
    yield Row(
        name=f"create-{source.name}-http",
        what=f"create on a server, {what}",
        against="a durable copy: cp -r, sync" if durable else "cp -r",
        bound=bound,
        ours=lambda: served.machine.create(source),
        peer=lambda: _copy(source, disk / "copy", durable=durable),
        before_peer=lambda: _removed(disk / "copy"),
        before_ours=lambda: _removed(disk / "copy"),
    )


def _downloading(disk: Path, here: Machine, served: Served, source: Path) -> Iterator[Row]:
    target = disk / "download"
    for name, machine, where in (("", here, ""), ("-http", served.machine, " from a server")):
        machine.create(source)  # the rows before may not have been chosen
        number = machine.last_number(source.name)
        words = ("datastore", "download", "--name", source.name, "--version", number, "--to", str(target))
        yield Row(
            name=f"download{name}",
            what=f"download{where}, {SMALL_FILES:,} files of 4 KiB",
            against="cp -r",
            bound=2,
            ours=machine.does(*words),
            peer=lambda: _copy(source, disk / "copy", durable=False),
            before_peer=lambda: _removed(disk / "copy"),
            before_ours=lambda: _removed(target),
        )
    _removed(disk / "download")
    _removed(disk / "copy")


def _listing_and_deleting(disk: Path, here: Machine) -> Iterator[Row]:
    source, one = small_files(disk / "deleted", DELETED_FILES), small_files(disk / "one", 1)
    restic, tar = Restic(disk / "restic"), disk / "all.tar"
    here.create(source)
    run("tar", "cf", str(tar), str(source))
    yield Row(
        name="files",
        what=f"list the files of a version of {DELETED_FILES:,}",
        against="tar tf of the same",
        bound=5,
        ours=here.does("datastore", "files", "--name", source.name, "--version", here.last_number(source.name)),
        peer=lambda: run("tar", "tf", str(tar)),
    )
    tar.unlink()
    restic.begin()
    yield Row(
        name="delete-restic",
        what=f"delete {DELETED_FILES:,} files, the whole command",
        against="restic forget --prune",
        bound=0.25,
        ours=lambda: _delete_last(here, source.name),
        peer=restic.forget,
        before_ours=lambda: here.create(source),
        before_peer=lambda: restic.backup(source),
    )
    yield Row(
        name="delete-one",
        what=f"delete {DELETED_FILES:,} files, the whole command",
        against="delete one file",
        bound=1.1,
        ours=lambda: _delete_last(here, source.name),
        peer=lambda: _delete_last(here, one.name),
        before_ours=lambda: here.create(source),
        before_peer=lambda: here.create(one),
    )


def _delete_last(machine: Machine, name: str) -> float:
    """Delete the newest version of this name and return the seconds of the command alone."""
    number = machine.last_number(name)
    return seconds(machine.does("datastore", "delete", "--name", name, "--version", number))


def _copy(source: Path, target: Path, *, durable: bool) -> None:
    run("cp", "-r", str(source), str(target))
    if durable:
        run("sync", "--file-system", str(target))


def _removed(folder: Path) -> None:
    """Remove the folder, and wait until the disk has caught up."""
    shutil.rmtree(folder, ignore_errors=True)
    run("sync", "--file-system", str(folder.parent))
