"""That a deletion is immediate, final, and leaves no byte."""

from __future__ import annotations

import json
from pathlib import Path

from pytest_bdd import given, parsers, then, when

from acceptance.surfaces import Outcome
from acceptance.surfaces.api import ApiSurface
from acceptance.surfaces.cli import CliSurface
from acceptance.surfaces.ui import UiSurface
from acceptance.waiting import wait_until
from acceptance.world import ROOM_FOR_ONE_MORE, World


@given(parsers.parse('I have kept the addresses of the files of version {number:d} of "{name}"'))
def keep_addresses(world: World, name: str, number: int) -> None:
    world.addresses = addressed(world).addresses(world.real(name), number)
    assert world.addresses
    refused = [address for address in world.addresses if not addressed(world).open_address(address).done]
    assert refused == []


@then("none of the addresses that I kept leads to a file")
def addresses_lead_nowhere(world: World) -> None:
    opened = [addressed(world).open_address(address) for address in world.addresses]
    assert [outcome.said for outcome in opened if outcome.done] == []


@when(
    parsers.parse('I delete version {number:d} of "{name}", and everything is killed right after success is reported')
)
def delete_and_kill(world: World, name: str, number: int) -> None:
    world.look()
    if world.target is None:
        assert isinstance(world.surface, CliSurface)
        world.surface.delete_and_die(world.real(name), number)
        return
    server = world.own_server()
    world.do(world.surface.delete(world.real(name), str(number)))
    server.kill()
    assert world.last.done, world.last.said


@when("everything is started again")
def start_again(world: World) -> None:
    if world.target is not None:
        world.own_server().start()


@when(parsers.parse('I try every way to bring version {number:d} of "{name}" back'))
def try_to_revive(world: World, name: str, number: int) -> None:
    world.many = world.surface.try_to_revive(world.real(name), number)


@then("each of them is refused")
def each_refused(world: World) -> None:
    assert world.many
    assert [outcome.said for outcome in world.many if outcome.done] == []


@then(parsers.parse('the files of version {number:d} of "{name}" cannot be listed'))
def cannot_be_listed(world: World, name: str, number: int) -> None:
    refused_as_deleted(world.surface.files(world.real(name), number))


@then(parsers.parse('version {number:d} of "{name}" cannot be downloaded'))
def cannot_be_downloaded(world: World, name: str, number: int) -> None:
    folder = world.home / "deleted"
    refused_as_deleted(world.surface.download(world.real(name), number, folder))
    assert not folder.exists()


@then(parsers.parse('version {number:d} of "{name}" cannot be mounted'))
def cannot_be_mounted(world: World, name: str, number: int) -> None:
    refused_as_deleted(world.surface.mount(world.real("after"), world.real(name), number))


@then(ROOM_FOR_ONE_MORE)
def room_for_one_more(world: World) -> None:
    if world.suffix:  # other runs have versions of the same user: as many places are taken as versions are there
        wait_until(lambda: world.surface.quota_used() == world.places_taken(), "it takes no place any more")
    else:
        assert world.surface.quota_used() == world.places_taken() == world.quota_before - 1


@then(parsers.parse('no byte of version {number:d} of "{name}" is left in storage'))
def no_byte_left(world: World, name: str, number: int) -> None:
    wait_until(lambda: "bytes gone" in world.arrange.history(world.real(name), number), "the bytes are gone")
    storage = world.storage()
    if storage is not None:
        version_id = world.arrange.version_id(world.real(name), number)
        assert [path for path in (storage / "data").rglob("*") if version_id in str(path)] == []
    if mark := world.marks.get((name, number)):
        assert world.stored(mark) == []


@given(parsers.parse('the Run "{run}" has used version {number:d} of "{name}"'))
def run_has_used(world: World, run: str, number: int, name: str) -> None:
    """On the command line a Run really runs, and leaves its copy."""
    real_run, real_name = world.real(run), world.real(name)
    if not isinstance(world.surface, CliSurface):
        world.arrange.run(real_run, real_name, number)
        world.arrange.end_run(real_run, "succeeded")
        return
    mounted = ("--datastore_name", real_name, "--datastore_version", str(number))
    outcome = world.surface.type("run", "--name", real_run, *mounted, "--", "true")
    assert outcome.done, outcome.said
    assert list((world.home / ".grid" / "cache").rglob("*.csv")), "there is no copy"


@when(parsers.parse('version {number:d} of "{name}" is deleted on another machine'))
def deleted_elsewhere(world: World, number: int, name: str) -> None:
    outcome = world.arrange.delete(world.real(name), str(number))
    assert outcome.done, outcome.said
    assert _here(world, world.marks[name, number]), "there is no copy to erase"


@when("I list my versions")
def list_versions(world: World) -> None:
    assert isinstance(world.surface, CliSurface)
    world.do(world.surface.type("datastore"))


@then(parsers.parse('no byte of version {number:d} of "{name}" is left on this machine'))
def no_byte_left_here(world: World, number: int, name: str) -> None:
    assert world.last.done, world.last.said
    assert _here(world, world.marks[name, number]) == []


@then("the receipt says that another machine may have a copy")
def receipt_of_copies(world: World) -> None:
    assert _speaks_of_copies(world), world.last.said


@then("the receipt says nothing of copies")
def receipt_without_copies(world: World) -> None:
    assert world.last.done, world.last.said
    assert not _speaks_of_copies(world), world.last.said


@when(parsers.parse('I ask which of versions 1 and 2 of "{name}" are deleted'))
def ask_which_are_deleted(world: World, name: str) -> None:
    assert isinstance(world.surface, ApiSurface)
    asked = "&".join(f"id={world.arrange.version_id(world.real(name), number)}" for number in (1, 2))
    answer = world.surface.call("GET", f"/v1/core/local/deletions?{asked}")
    world.do(Outcome(answer.is_success, False, False, answer.text))


@then(parsers.parse('I am told of version {number:d} of "{name}" alone'))
def told_of_one(world: World, number: int, name: str) -> None:
    assert world.last.done, world.last.said
    assert json.loads(world.last.said) == {"deleted": [world.arrange.version_id(world.real(name), number)]}


@then(parsers.parse('the history of version {number:d} of "{name}" tells when its bytes were gone'))
def history_tells(world: World, name: str, number: int) -> None:
    lines = [line for line in world.surface.history(world.real(name), number).splitlines() if "bytes gone" in line]
    assert len(lines) == 1, lines
    assert lines[0].strip().startswith("20"), lines


def _here(world: World, mark: str) -> list[Path]:
    """The files below the folder of grid on this machine that hold the mark."""
    files = [path for path in (world.home / ".grid").rglob("*") if path.is_file()]
    return [path for path in files if mark.encode() in path.read_bytes()]


def _speaks_of_copies(world: World) -> bool:
    if isinstance(world.surface, ApiSurface):
        return bool(json.loads(world.last.said)["receipt"]["mayHaveCopies"])
    return "A copy on another machine is erased by the next grid command there" in world.last.said


def addressed(world: World) -> ApiSurface | UiSurface:
    """A surface on which files have addresses."""
    assert isinstance(world.surface, ApiSurface | UiSurface)
    return world.surface


def refused_as_deleted(outcome: Outcome) -> None:
    assert not outcome.done, outcome.said
    assert "deleted" in outcome.said, outcome.said
