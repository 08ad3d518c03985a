"""Runs that really run, and races."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path

from pytest_bdd import given, parsers, then, when

from acceptance.steps.interrupting import cli
from acceptance.steps.uploading import holds_what_was_uploaded
from acceptance.surfaces import Outcome
from acceptance.surfaces.api import ApiSurface
from acceptance.surfaces.cli import CliSurface
from acceptance.surfaces.ui import UiSurface
from acceptance.waiting import SELDOM, wait_until
from acceptance.world import World

_TRAINING = """import hashlib, pathlib, sys
folder = pathlib.Path(sys.argv[1])
for file in sorted(path for path in folder.rglob("*") if path.is_file()):
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    print(f"Trained on {file.relative_to(folder).as_posix()}, SHA-256 {digest}")
"""
_WORK = "while [ ! -e stop ]; do sleep 0.05; done; exit 3"


@given(parsers.re(r'the Run "(?P<run>[^"]+)" works with version (?P<number>\d+) of "(?P<name>[^"]+)"$'))
def run_works(world: World, run: str, name: str, number: str) -> None:
    real_run, real_name = world.real(run), world.real(name)
    if isinstance(world.surface, CliSurface):
        mounted = ("--datastore_name", real_name, "--datastore_version", number)
        process = world.surface.begin("run", "--name", real_run, *mounted, "--", "sh", "-c", _WORK)
        world.process = process
        world.cleanups.callback(end_group, process)
    else:
        program = world.surface if isinstance(world.surface, ApiSurface) else world.arrange
        assert isinstance(program, ApiSurface)
        world.beating = beat(world, program, program.leased_run(real_run, real_name, int(number)))
    wait_until(lambda: real_run in world.arrange.holders(real_name, int(number)), "the Run holds the version")


@given(parsers.parse('the Run "{run}" works with version {number} of "{name}" for longer than that'))
def run_works_long(world: World, run: str, name: str, number: str) -> None:
    run_works(world, run, name, number)
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 1.5 * world.lease, "the Run outlived its first lease", SELDOM)


@when(parsers.parse('a Run "{run}" begins with version {number:d} of "{name}"'))
def run_begins(world: World, run: str, number: int, name: str) -> None:
    world.own_server()  # another one's operator may have set another time
    assert isinstance(world.surface, ApiSurface)
    world.run_id = world.surface.leased_run(world.real(run), world.real(name), number)


@then(parsers.parse("it may miss its heartbeat for {seconds:d} seconds"))
def may_miss(world: World, seconds: int) -> None:
    assert isinstance(world.surface, ApiSurface)
    assert world.surface.lease(world.run_id) == seconds


@when("the Run's process is killed")
def kill_run(world: World) -> None:
    if world.process:
        world.process.kill()
        world.process.wait(timeout=60)
    else:
        world.beating.set()


@when("no heartbeat of it has come in time")
def lease_lapses(world: World) -> None:
    name, number = world.subject
    wait_until(lambda: not world.arrange.holders(world.real(name), number), "the Run's lease has lapsed", SELDOM)


@when("its command ends with exit code 3")
def command_ends(world: World) -> None:
    (world.home / "stop").touch()


@then("the Run passes exit code 3 on")
def exit_code_passed_on(world: World) -> None:
    assert world.process
    assert world.process.wait(timeout=60) == 3


@when(parsers.parse('I run the training on version {number} of "{name}" as the Run "{run}"'))
def run_training(world: World, number: str, name: str, run: str) -> None:
    (world.home / "train.py").write_text(_TRAINING)
    terminal, real = cli(world), world.real(name)
    terminal.environment["PATH"] = f"{Path(sys.executable).parent}:{terminal.environment['PATH']}"
    mounted = ("--datastore_name", real, "--datastore_version", number)
    world.do(terminal.type("run", "--name", world.real(run), *mounted, "--", "python", "train.py", f"{{{real}}}"))


@then(parsers.parse('the training read version {number:d} of "{name}", byte for byte'))
def training_read(world: World, name: str, number: int) -> None:
    content = world.uploaded[name, number]
    wanted = [f"Trained on {path}, SHA-256 {sha256(content[path]).hexdigest()}" for path in sorted(content)]
    assert world.last.said.splitlines() == wanted


@when("each version is mounted by one client and deleted by another at the same moment")
def race(world: World) -> None:
    versions = sorted(world.uploaded)
    deletes = [(world.real(name), number) for name, number in versions]
    mounts = [(world.real(f"session-{number}"), name, number) for name, number in deletes]
    if isinstance(world.surface, UiSurface):
        outcomes = world.surface.mount_and_delete_at_once(mounts, deletes)
    else:
        outcomes = _at_once(
            [partial(world.surface.mount, *mount) for mount in mounts]
            + [partial(world.surface.delete, name, str(number)) for name, number in deletes]
        )
    done = [outcome.done for outcome in outcomes]
    world.pairs = list(zip(done[: len(mounts)], done[len(mounts) :], strict=True))


def _at_once(actions: list[Callable[[], Outcome]]) -> list[Outcome]:
    """Do all at the same moment, each in a thread of its own."""
    start = threading.Barrier(len(actions), timeout=120)

    def act(action: Callable[[], Outcome]) -> Outcome:
        start.wait()
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))


@then("of each version either the mount or the deletion succeeded, and not both")
def one_of_two(world: World) -> None:
    assert all(mounted != deleted for mounted, deleted in world.pairs), world.pairs


@then("the versions that were mounted are byte for byte what was uploaded")
def mounted_are_whole(world: World) -> None:
    for (name, number), (mounted, _deleted) in zip(sorted(world.uploaded), world.pairs, strict=True):
        if mounted:
            holds_what_was_uploaded(world, name, number)


def beat(world: World, surface: ApiSurface, run_id: str) -> threading.Event:
    """Send heartbeats from a thread, as a client does, until the event is set."""
    stopped = threading.Event()

    def keep_alive() -> None:
        while not stopped.wait(world.lease / 4):
            surface.heartbeat(run_id)

    thread = threading.Thread(target=keep_alive)
    thread.start()

    def stop() -> None:
        stopped.set()
        thread.join()

    world.cleanups.callback(stop)
    return stopped


def end_group(process: subprocess.Popen[str]) -> None:
    """End a process and what it started; the command of a killed Run lives on."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
