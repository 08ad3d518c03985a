"""What a version keeps of its files beside their bytes."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from pytest_bdd import given, parsers, then, when

from acceptance.steps.interrupting import cli
from acceptance.steps.sourcing import serve
from acceptance.steps.uploading import holds
from acceptance.world import World

_PROGRAM = b"#!/bin/sh\necho counted 3 nests\n"
_OLD = datetime(2009, 2, 13, 23, 31, 30, tzinfo=UTC)
_FILES = {"bin/count.sh": _PROGRAM, "nests.csv": b"nest,eggs\n1,2\n"}
_EMPTY = "photos/2026"


@given("a folder with a program, an old file and an empty folder")
def folder_with_attributes(world: World) -> None:
    world.folder = world.home / "field-notes"
    (world.folder / "bin").mkdir(parents=True)
    (world.folder / _EMPTY).mkdir(parents=True)
    for path, content in _FILES.items():
        (world.folder / path).write_bytes(content)
        os.utime(world.folder / path, (_OLD.timestamp(), _OLD.timestamp()))
    (world.folder / "bin/count.sh").chmod(0o755)


@given(
    parsers.parse('an archive of a folder with a program, an old file and an empty folder at "{path}" of a web server')
)
def archive_with_attributes(world: World, path: str) -> None:
    serve(world, path, _zip() if path.endswith(".zip") else _tar())
    world.uploaded["field-notes", 1] = _FILES


@when(parsers.parse('I run the program of version {number} of "{name}" as the Run "{run}"'))
def run_program(world: World, number: str, name: str, run: str) -> None:
    real = world.real(name)
    mounted = ("--datastore_name", real, "--datastore_version", number)
    world.do(cli(world).type("run", "--name", world.real(run), *mounted, "--", "sh", "-c", f"{{{real}}}/bin/count.sh"))


@then("the program has run")
def program_has_run(world: World) -> None:
    assert world.last.said == "counted 3 nests\n"


@then(parsers.parse('version {number:d} of "{name}" comes back with its program, its times and its empty folder'))
def comes_back(world: World, number: int, name: str) -> None:
    assert world.last.done, world.last.said
    folder = world.home / f"copy-of-{name}-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    outcome = world.surface.download(world.real(name), number, folder)
    assert outcome.done, outcome.said
    world.uploaded[name, number] = _FILES
    holds(world, folder, name, number)
    assert {path: _attributes(folder / path) for path in _FILES} == {
        "bin/count.sh": (True, _OLD),
        "nests.csv": (False, _OLD),
    }
    assert [path for path in folder.rglob("*") if path.is_dir() and not any(path.iterdir())] == [folder / _EMPTY]


def _attributes(path: Path) -> tuple[bool, datetime]:
    found = path.stat()
    return bool(found.st_mode & 0o100), datetime.fromtimestamp(found.st_mtime, UTC)


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in _FILES.items():
            info = zipfile.ZipInfo(path, _OLD.timetuple()[:6])
            info.external_attr = (0o100755 if path.startswith("bin/") else 0o100644) << 16
            archive.writestr(info, content)
        archive.mkdir(_EMPTY)
    return buffer.getvalue()


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, content in _FILES.items():
            info = tarfile.TarInfo(path)
            info.size, info.mtime = len(content), int(_OLD.timestamp())
            info.mode = 0o755 if path.startswith("bin/") else 0o644
            archive.addfile(info, io.BytesIO(content))
        empty = tarfile.TarInfo(_EMPTY)
        empty.type = tarfile.DIRTYPE
        archive.addfile(empty)
    return buffer.getvalue()
