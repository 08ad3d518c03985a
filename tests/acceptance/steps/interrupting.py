"""Uploads that are interrupted, and what becomes of them."""

from __future__ import annotations

import os
import re
import signal

from pytest_bdd import given, parsers, then, when

from acceptance.surfaces.api import ApiSurface
from acceptance.surfaces.cli import CliSurface
from acceptance.waiting import SELDOM, wait_until
from acceptance.world import World

_SMALLER = 3 * 1024 * 1024  # bytes
_LARGEST = 128 * 1024 * 1024  # bytes: enough to be in the middle of it when the others have arrived


@given("a folder with three large files")
def three_large_files(world: World) -> None:
    world.folder = world.home / "field-notes"
    world.folder.mkdir()
    for name, size in (("a.raw", _SMALLER), ("b.raw", _SMALLER), ("c.raw", _LARGEST)):
        (world.folder / name).write_bytes(name.encode() * (size // 5))


@given(parsers.parse('an upload of it to "{name}" that is killed when two of them have arrived'))
def upload_killed(world: World, name: str) -> None:
    begin_upload(world, name)
    assert world.process
    world.process.kill()
    world.process.communicate()


@given(parsers.parse('an upload of it to "{name}" that is interrupted when two of them have arrived'))
def upload_interrupted(world: World, name: str) -> None:
    if isinstance(world.surface, ApiSurface):
        world.remember(name, 1, world.folder)
        world.surface.send_some(world.real(name), world.folder, sorted(world.folder.iterdir())[:2])
        return
    begin_upload(world, name)
    assert world.process
    world.process.send_signal(signal.SIGINT)
    expect_hint(world)


@given(parsers.parse('an upload of it to "{name}" during which the server is restarted when two of them have arrived'))
def upload_loses_server(world: World, name: str) -> None:
    server = world.own_server()
    begin_upload(world, name)
    server.kill()
    expect_hint(world)
    server.start()


@given(parsers.parse('an upload to "{name}" is abandoned as version {number:d}'))
def upload_abandoned(world: World, name: str, number: int) -> None:
    server = world.own_server()
    world.operate({"GRID_UPLOAD_EXPIRY": "1"})
    world.arrange.begin_upload(world.real(name))
    world.subject = (name, number)
    abandoned(world)
    server.operate({})  # what is uploaded next has all the time it needs


@given("one of the files has changed")
def file_changed(world: World) -> None:
    (world.folder / "a.raw").write_bytes(b"something else")


@given("the content of one of these two has changed, and neither its size nor its time")
def content_changed(world: World) -> None:
    file = world.folder / "a.raw"
    before = file.stat()
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@when("I resume the upload")
def resume(world: World) -> None:
    try_to_resume(world)
    assert world.last.done, world.last.said


@when("I try to resume the upload")
def try_to_resume(world: World) -> None:
    world.do(cli(world).type("datastore", "resume"))


@when("I forget interrupted uploads")
def forget(world: World) -> None:
    world.do(cli(world).type("datastore", "clearcache"))
    assert world.last.done, world.last.said


@when("nobody goes on with the upload in time")
def abandoned(world: World) -> None:
    name, number = world.subject

    def failed() -> bool:
        return "failed" in world.arrange.history(world.real(name), number)

    wait_until(failed, "the upload has expired", SELDOM)


@then("I am told that two of the files were there already")
def told_of_skipped(world: World) -> None:
    found = re.search(r"([\d.]+) MB already stored, ([\d.]+) (?:MB|bytes?) sent", world.last.said)
    assert found, world.last.said
    there, sent = map(float, found.groups())
    assert there >= 6.3, world.last.said  # also parts of the third, which was under way
    assert round(there + sent, 1) == 140.5, world.last.said


@then(parsers.parse('version {number:d} of "{name}" has failed'))
def has_failed(world: World, name: str, number: int) -> None:
    assert "failed" in world.surface.history(world.real(name), number)


def begin_upload(world: World, name: str) -> None:
    """Start an upload; go on when two of its three files have arrived."""
    world.remember(name, 1, world.folder)
    source = world.folder.relative_to(world.home).as_posix()
    world.process = cli(world).begin("datastore", "create", source, "--name", world.real(name))
    wait_until(lambda: cli(world).arrived() >= 2, "two files have arrived")
    assert world.process.poll() is None, "the upload was over too soon"


def expect_hint(world: World) -> None:
    """The upload ends with a sentence that says how to go on."""
    assert world.process
    said, _ = world.process.communicate(timeout=60)
    world.evidence.transcript("grid datastore create field-notes --name field-notes", said, world.process.returncode)
    assert world.process.returncode == 1, said
    assert "Resume it with: grid datastore resume" in said, said
    assert "Traceback" not in said, said


def cli(world: World) -> CliSurface:
    """The command line under test."""
    assert isinstance(world.surface, CliSurface)
    return world.surface
