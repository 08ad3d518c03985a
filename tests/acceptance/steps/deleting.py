"""Deleting, being refused, and that nothing has changed."""

from __future__ import annotations

import re
import shlex

from pytest_bdd import given, parsers, then, when

from acceptance.steps.uploading import NUMBERS, holds, numbers_in
from acceptance.surfaces.cli import CliSurface
from acceptance.world import NOTHING_HAS_CHANGED, World, versions_of


@given(parsers.parse('version {number:d} of "{name}" was deleted'))
def was_deleted(world: World, name: str, number: int) -> None:
    outcome = world.arrange.delete(world.real(name), str(number))
    assert outcome.done, outcome.said


@when(parsers.re(rf'I delete versions? {NUMBERS} of "(?P<name>[^"]+)"$'))
def delete(world: World, name: str, numbers: str) -> None:
    world.look()
    for number in numbers_in(numbers):
        world.do(world.surface.delete(world.real(name), str(number)))


@when(parsers.parse('I type "{command}"'))
def type_command(world: World, command: str) -> None:
    assert isinstance(world.surface, CliSurface)
    _grid, *words = [world.real(word) if word == "my-training-data" else word for word in shlex.split(command)]
    world.do(world.surface.type(*words))


@when(parsers.parse('I ask to delete "{name}" without a version'))
def delete_without_version(world: World, name: str) -> None:
    world.look()
    world.do(world.surface.delete(world.real(name), None))


@when("I ask to delete version 1 without a name")
def delete_without_name(world: World) -> None:
    world.look()
    world.do(world.surface.delete(None, "1"))


@when(parsers.re(r'I ask to delete version 1 of (?P<name>".*"|a name of 300 letters)$'))
def delete_odd_name(world: World, name: str) -> None:
    world.look()
    world.do(world.surface.delete("x" * 300 if name.startswith("a name") else name.strip('"'), "1"))


@when(parsers.re(r'I ask to delete version "(?P<word>[^"]+)" of "(?P<name>[^"]+)"$'))
def delete_word(world: World, word: str, name: str) -> None:
    world.look()
    world.do(world.surface.delete(world.real(name), word))


@then("it is done")
def it_is_done(world: World) -> None:
    assert world.last.done, world.last.said


@then("it is refused")
def it_is_refused(world: World) -> None:
    assert not world.last.done, world.last.said


@then("it is a usage error")
def it_is_a_usage_error(world: World) -> None:
    assert world.last.usage, world.last


@then(parsers.parse('I am told "{words}"'))
def i_am_told(world: World, words: str) -> None:
    assert words in world.last.said, world.last.said


@then("I am told that it was already deleted, when and by whom")
def told_already_deleted(world: World) -> None:
    assert re.search(r"already deleted on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC by \w+", world.last.said), world.last.said


@then("I am told how to create it again")
def told_how_to_create_again(world: World) -> None:
    assert f"grid datastore create {world.variations()[0]} --name" in world.last.said, world.last.said


@when(parsers.parse('I ask what deleting version {number:d} of "{name}" would do'))
def ask_first(world: World, name: str, number: int) -> None:
    world.look()
    world.do(world.surface.verdict(world.real(name), number))


@then(parsers.parse("the receipt says that version {number:d} went, with its files and bytes"))
def receipt_of_gone(world: World, number: int) -> None:
    content = world.uploaded["my-training-data", number]
    receipt = world.surface.receipt(world.last)
    assert (receipt.gone, receipt.files) == (number, len(content))
    size = sum(map(len, content.values()))
    assert receipt.size in (str(size), f"{size / 1000:.1f} kB")


@then(parsers.parse("the receipt says that version {number:d} stays, with its fingerprint"))
def receipt_of_kept(world: World, number: int) -> None:
    kept = world.surface.receipt(world.last).kept
    assert [other for other, _ in kept] == [number]
    fingerprint = kept[0][1]
    assert world.fingerprints["my-training-data", number].startswith(fingerprint)
    assert len(fingerprint) >= 8


@then(parsers.parse("the receipt says that I had {before:d} versions and now have {after:d}"))
def receipt_of_quota(world: World, before: int, after: int) -> None:
    quota = world.surface.receipt(world.last).quota
    assert quota
    if world.suffix:  # other runs have versions of the same user
        assert quota[0] - quota[1] == before - after
    else:
        assert quota == (before, after)


@then(NOTHING_HAS_CHANGED)
def nothing_has_changed(world: World) -> None:
    assert world.before is not None, "nobody looked before"
    now = world.state()
    assert now == world.before
    phases = versions_of(now)
    for name, number in world.uploaded:
        if not phases[world.real(name), number].endswith("_DELETED"):
            still_there(world, name, number)


def still_there(world: World, name: str, number: int) -> None:
    """The version is byte for byte what was uploaded, as set-up sees it."""
    folder = world.home / f"unchanged-{name}-{number}"
    outcome = world.arrange.download(world.real(name), number, folder)
    assert outcome.done, outcome.said
    holds(world, folder, name, number)
