"""Uploading, and what versions hold."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

from pytest_bdd import given, parsers, then, when

from acceptance import penguins
from acceptance.surfaces.cli import CliSurface
from acceptance.surfaces.ui import UiSurface
from acceptance.world import World

NUMBERS = r"(?P<numbers>\d+(?:, \d+)*(?: and \d+)?)"
PICTURE = bytes(range(256)) * 8192  # 2 MiB: larger than what is packed with others


def numbers_in(text: str) -> list[int]:
    """The numbers of a sentence."""
    return [int(number) for number in re.findall(r"\d+", text)]


@given(parsers.re(rf'"(?P<name>[^"]+)" has versions? {NUMBERS}$'))
def has_versions(world: World, name: str, numbers: str) -> None:
    for number, folder in zip(numbers_in(numbers), world.variations(), strict=False):
        arrange_upload(world, name, number, folder)


@given(parsers.re(rf'"(?P<name>[^"]+)" has versions? {NUMBERS}, with data that nothing else has$'))
def has_marked_versions(world: World, name: str, numbers: str) -> None:
    for number, folder in zip(numbers_in(numbers), world.variations(), strict=False):
        mark = uuid4().hex
        for file in folder.iterdir():
            file.write_bytes(file.read_bytes() + f"{mark}\n".encode())
        arrange_upload(world, name, number, folder)
        world.marks[name, number] = mark
        assert world.storage() is None or world.stored(mark), "the data is in storage"


@given("a folder with files in folders, an empty file, a large file and names in other alphabets")
def varied_folder(world: World) -> None:
    world.folder = world.home / "field-notes"
    (world.folder / "islands" / "Torgersen").mkdir(parents=True)
    (world.folder / "islands" / "Torgersen" / "counts.csv").write_text("nest,eggs\n1,2\n")
    (world.folder / "islands" / "Biscoe.txt").write_text("wind from the south\n")
    (world.folder / "empty").touch()
    (world.folder / "picture.raw").write_bytes(PICTURE)
    (world.folder / "пингвин — 🐧 notes.txt").write_text("Adélie\n")
    (world.folder / ("long-name-" * 20 + ".txt")).write_text("a name that is longer than a plain tar header holds\n")


@given("the example data of the project")
def example_data(world: World) -> None:
    shutil.copytree(penguins.DATA, world.home / "data" / "penguins")


@given("a folder with a symbolic link in it")
def folder_with_link(world: World) -> None:
    world.folder = world.home / "field-notes"
    world.folder.mkdir()
    (world.folder / "notes.txt").write_text("wind from the south\n")
    (world.folder / "latest.txt").symlink_to("notes.txt")


@given(parsers.parse('"{name}" has a version 1 with many large files'))
def many_large_files(world: World, name: str) -> None:
    folder = world.home / "large"
    folder.mkdir()
    for number in range(24):
        (folder / f"{number}.raw").write_bytes(PICTURE)
    arrange_upload(world, name, 1, folder)


@given(parsers.parse('I uploaded the folder to "{name}"'))
def uploaded_folder(world: World, name: str) -> None:
    arrange_upload(world, name, 1, world.folder)


@given(parsers.parse('I uploaded the same data to "{name}" again'))
def uploaded_again(world: World, name: str) -> None:
    arrange_upload(world, name, 2, world.variations()[0])


@given(parsers.parse('an upload to "{name}" failed'))
def upload_failed(world: World, name: str) -> None:
    world.arrange.fail_upload(world.real(name))


@given(parsers.parse('an upload to "{name}" is under way'))
def upload_under_way(world: World, name: str) -> None:
    world.arrange.begin_upload(world.real(name))


@when(parsers.parse('I upload the penguin data to "{name}" in its four variations'))
def upload_variations(world: World, name: str) -> None:
    for number, folder in enumerate(world.variations(), 1):
        upload(world, name, folder)
        world.remember(name, number, folder)


@when(parsers.re(r'I upload the (?:raw penguin|same) data to "(?P<name>[^"]+)"(?: again)?$'))
def upload_raw(world: World, name: str) -> None:
    upload(world, name, world.variations()[0])


@when(parsers.parse('I upload the raw penguin data to "{name}" {count:d} times at the same moment'))
def upload_at_once(world: World, name: str, count: int) -> None:
    folder = world.variations()[0]
    if isinstance(world.surface, UiSurface):
        outcomes = world.surface.upload_at_once(world.real(name), folder, count)
    else:
        with ThreadPoolExecutor(count) as pool:
            outcomes = list(pool.map(lambda _: world.surface.upload(world.real(name), folder), range(count)))
    assert all(outcome.done for outcome in outcomes), outcomes


@when(parsers.parse('I upload the folder to "{name}"'))
def upload_folder(world: World, name: str) -> None:
    upload(world, name, world.folder)
    world.remember(name, 1, world.folder)


@when(parsers.parse('I try to upload the folder to "{name}"'))
def try_to_upload_folder(world: World, name: str) -> None:
    world.do(world.surface.upload(world.real(name), world.folder))


@when(parsers.parse('I download version {number:d} of "{name}"'))
def download(world: World, name: str, number: int) -> None:
    assert isinstance(world.surface, CliSurface)
    world.folder = world.home / f"{world.real(name)}-{number}"
    world.do(world.surface.type("datastore", "download", "--name", world.real(name), "--version", str(number)))


@when(parsers.parse('I upload a folder with other files to "{name}"'))
def upload_other(world: World, name: str) -> None:
    varied_folder(world)
    upload(world, name, world.folder)
    world.remember(name, 2, world.folder)


@when("I change and remove the files in the folder")
def change_source(world: World) -> None:
    (world.folder / "picture.raw").write_bytes(b"another picture")
    shutil.rmtree(world.folder / "islands")


@when(parsers.parse('I send more data to version {number:d} of "{name}"'))
def send_more(world: World, name: str, number: int) -> None:
    world.do(world.surface.send_more(world.real(name), number))


@then(parsers.re(rf'"(?P<name>[^"]+)" has versions? {NUMBERS}$'))
def sees_versions(world: World, name: str, numbers: str) -> None:
    assert world.surface.listed(world.real(name)) == [(number, "available") for number in numbers_in(numbers)]


@then(parsers.parse('"{name}" has no versions'))
def sees_no_versions(world: World, name: str) -> None:
    assert world.surface.listed(world.real(name)) == []


@then(parsers.parse('version {number:d} of "{name}" is available'))
def is_available(world: World, name: str, number: int) -> None:
    assert world.surface.phase(world.real(name), number) == "available"


@then(parsers.parse('version {number:d} of "{name}" is not available'))
def is_not_available(world: World, name: str, number: int) -> None:
    assert world.surface.phase(world.real(name), number) != "available"


@then("each version holds its own variation")
def own_variations(world: World) -> None:
    assert len(set(map(str, world.uploaded.values()))) == 4
    for name, number in world.uploaded:
        holds_what_was_uploaded(world, name, number)


@then(parsers.parse('version {number:d} of "{name}" is byte for byte what was uploaded'))
def holds_what_was_uploaded(world: World, name: str, number: int) -> None:
    folder = world.home / f"copy-of-{name}-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    outcome = world.surface.download(world.real(name), number, folder)
    assert outcome.done, outcome.said
    holds(world, folder, name, number)
    world.subject = (name, number)


@then(parsers.parse('the folder that I downloaded first holds version {number:d} of "{name}", byte for byte'))
def still_holds(world: World, name: str, number: int) -> None:
    holds(world, world.folder, name, number)


@then("its fingerprint is what it was")
def same_fingerprint(world: World) -> None:
    name, number = world.subject
    assert world.surface.fingerprint(world.real(name), number) == world.fingerprints[world.subject]


@then("its files are listed with their sizes")
def files_are_listed(world: World) -> None:
    name, number = world.subject
    rows = world.surface.files(world.real(name), number).said.splitlines()
    for path, content in world.uploaded[world.subject].items():
        assert any(re.match(rf"{re.escape(path)}\s+{len(content)}\b", row) for row in rows), (path, rows)


def holds(world: World, folder: Path, name: str, number: int) -> None:
    """The folder holds what was uploaded as this version, and nothing else."""
    found = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert found == world.uploaded[name, number]


def upload(world: World, name: str, folder: Path) -> None:
    """Upload through the surface; it has to succeed."""
    world.do(world.surface.upload(world.real(name), folder))
    assert world.last.done, world.last.said


def arrange_upload(world: World, name: str, number: int, folder: Path) -> None:
    """Upload as set-up; the version has to get this number."""
    real = world.real(name)
    outcome = world.arrange.upload(real, folder)
    assert outcome.done, outcome.said
    assert f"version {number}" in outcome.said, outcome.said
    world.remember(name, number, folder)
    if world.asks("fingerprint"):
        world.fingerprints[name, number] = world.arrange.fingerprint(real, number)
