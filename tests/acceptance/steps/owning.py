"""Other users."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_bdd import given, parsers, then, when

from acceptance.server import Credentials
from acceptance.surfaces import Surface
from acceptance.surfaces.api import ApiSurface
from acceptance.surfaces.cli import CliSurface
from acceptance.waiting import wait_until
from acceptance.world import World


@given("another user, ben")
def another_user(world: World, ben: Surface) -> None:
    world.other = ben


@given("ben works in the same folder")
def ben_in_the_same_folder(world: World, grid: str) -> None:
    world.other = CliSurface(grid, world.home, "ben", None, world.evidence)


@given(parsers.parse('ben has version 1 of a "{name}" of his own'))
def ben_has_version(world: World, name: str, tmp_path: Path) -> None:
    folder = tmp_path / "ben" / "songs"
    folder.mkdir()
    (folder / "song.txt").write_text("la la la\n")
    assert world.other
    outcome = world.other.upload(world.real(name), folder)
    assert outcome.done, outcome.said


@when(parsers.parse('ben asks for my version {number:d} of "{name}" in every way'))
def ben_asks(world: World, name: str, number: int, tmp_path: Path) -> None:
    ben, real = world.other, world.real(name)
    assert ben
    if isinstance(ben, ApiSurface):
        world.many = ben.ask_for(world.arrange.version_id(real, number), world.real("theirs"))
        return
    world.many = [
        ben.files(real, number),
        ben.download(real, number, tmp_path / "ben" / "mine"),
        ben.mount(world.real("theirs"), real, number),
        ben.delete(real, str(number)),
    ]


@when(parsers.parse('ben deletes version {number:d} of "{name}"'))
def ben_deletes(world: World, name: str, number: int) -> None:
    assert world.other
    world.do(world.other.delete(world.real(name), str(number)))


@when("ben signs in at the server")
def ben_signs_in(world: World) -> None:
    assert isinstance(world.other, CliSurface)
    assert world.target
    environment = world.other.environment
    user = Credentials(environment["GRID_USER_ID"], environment["GRID_API_KEY"])
    world.evidence.rename(user.user_id, "ben")
    world.evidence.rename(user.api_key, "KEY")
    world.do(world.other.sign_in(world.target.url, user))


@then(parsers.parse("ben is told that he has {count:d} versions there"))
def ben_is_told(world: World, count: int) -> None:
    assert isinstance(world.other, CliSurface)
    assert world.target
    terminal = world.other
    said = terminal.type("status").said
    assert re.match(rf"Working on {re.escape(world.target.url)} as \S+\.\n", said), said
    if world.suffix:  # other runs have versions of the same user
        wait_until(lambda: terminal.quota_used() == world.places_of_other(), "he is told how many he has")
    else:
        assert f"You have {count} of" in said, said


@then("each of them is refused as not found")
def each_not_found(world: World) -> None:
    assert world.many
    assert [outcome for outcome in world.many if not outcome.not_found] == []


@then("ben has no versions")
def ben_has_none(world: World) -> None:
    assert world.other
    assert world.other.listed(world.real("my-training-data")) == []


@then(
    parsers.parse('the history of version {number:d} of "{name}" says that {maker} created it and {deleter} deleted it')
)
def history_names(world: World, number: int, name: str, maker: str, deleter: str) -> None:
    history = world.surface.history(world.real(name), number)
    assert f"created by {maker}" in history, history
    assert f"deleted by {deleter}" in history, history
