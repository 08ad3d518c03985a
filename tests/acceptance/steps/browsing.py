"""What only a browser shows: the page that asks, windows side by side, people side by side."""

from __future__ import annotations

import re

from pytest_bdd import parsers, then, when

from acceptance.steps.uploading import NUMBERS, numbers_in
from acceptance.surfaces.cli import CliSurface
from acceptance.surfaces.ui import UiSurface
from acceptance.world import World


def ui(world: World) -> UiSurface:
    """The web UI under test."""
    assert isinstance(world.surface, UiSurface)
    return world.surface


@when(parsers.parse('I am asked whether to delete version {number:d} of "{name}"'))
def asked(world: World, number: int, name: str) -> None:
    world.look()
    world.subject = (name, number)
    refused = ui(world).ask_to_delete(world.real(name), str(number))
    assert refused is None, refused


@when(parsers.parse('I am asked in two windows whether to delete version {number:d} of "{name}"'))
def asked_twice(world: World, number: int, name: str) -> None:
    asked(world, number, name)
    ui(world).open_window()
    asked(world, number, name)


@when("I press the button")
def press(world: World) -> None:
    world.do(ui(world).confirm())


@when("I press the button in both")
def press_both(world: World) -> None:
    world.many = [ui(world).confirm()]
    ui(world).close_window()
    world.many.append(ui(world).confirm())


@when(parsers.parse('I delete version {number:d} of "{name}" on the API, on the command line and in the web UI'))
def delete_everywhere(world: World, grid: str, number: int, name: str) -> None:
    assert world.target
    world.look()
    terminal = CliSurface(grid, world.home, "ana", (world.target.url, world.credentials), world.evidence)
    ways = (world.arrange, terminal, ui(world))
    world.many = [way.delete(world.real(name), str(number)) for way in ways]


@then("each says the same sentence")
def same_sentence(world: World) -> None:
    api, cli, page = (" ".join(outcome.said.split()) for outcome in world.many)
    assert "is in use by" in api
    assert cli == f"Error: {api}"
    assert page == api


@then(parsers.parse('the heading and the only button name version {number:d} of "{name}"'))
def names_one(world: World, number: int, name: str) -> None:
    words = f"Delete version {number} of {world.real(name)}"
    assert ui(world).heading() == f"{words}?"
    assert ui(world).buttons() == [words]


@then(parsers.re(rf"I see what it holds, where it came from, and that versions {NUMBERS} stay$"))
def sees_what_stays(world: World, numbers: str) -> None:
    name, number = world.subject
    content = world.uploaded[name, number]
    said = ui(world).said()
    assert re.search(rf"Contents\s+{len(content)} file", said), said
    assert str(world.variations()[number - 1]) in said, said
    [stays] = re.findall(r"^Versions? .* byte for byte\.$", said, re.MULTILINE)
    assert numbers_in(stays.partition(" of ")[0]) == numbers_in(numbers)


@then("the second one tells that it was already deleted, when and by whom")
def second_tells(world: World) -> None:
    first, second = world.many
    assert first.done, first.said
    assert not second.done, second.said
    wanted = r"already deleted on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC by \w+"
    assert re.search(wanted, second.said), second.said
