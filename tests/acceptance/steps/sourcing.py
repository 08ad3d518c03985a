"""Archives on the web, buckets, and names made from sources."""

from __future__ import annotations

import json
import subprocess
from hashlib import sha256
from typing import Any

from pytest_bdd import given, parsers, then, when

from acceptance.origins import BUCKET, tar_of, web_server, zip_of
from acceptance.penguins import DATA
from acceptance.steps.interrupting import cli
from acceptance.steps.uploading import holds_what_was_uploaded
from acceptance.surfaces.api import ApiSurface
from acceptance.surfaces.cli import CliSurface
from acceptance.surfaces.ui import UiSurface
from acceptance.world import World

_PENGUINS = {f"penguins/{path.name}": path.read_bytes() for path in (DATA / "penguins.csv", DATA / "penguins-raw.csv")}
_ZEROS = {"zeros.bin": bytes(12_000_000)}
_KEY = "open-sesame"
_SHOWN_HOST = "data.example.org"


@given(parsers.re(r'an archive of the penguin data at "(?P<path>[^"]+)" of a web server$'))
def archive_on_web(world: World, path: str) -> None:
    archive = zip_of(_PENGUINS) if path.endswith(".zip") else tar_of(_PENGUINS)
    serve(world, path, archive)


@given(parsers.parse('an archive of the penguin data at "{path}" of a web server, behind a key in its address'))
def archive_behind_key(world: World, path: str) -> None:
    archive_on_web(world, path)
    world.origin += f"?key={_KEY}"


@given(parsers.parse('an archive with a path that leads out of it at "{path}" of a web server'))
def archive_leading_out(world: World, path: str) -> None:
    serve(world, path, tar_of({"../../.bashrc": b"echo gotcha"}))


@given(parsers.parse('An archive of a file of zeros at "{path}" of a web server'))
def archive_of_zeros(world: World, path: str) -> None:
    offer(world, path, zip_of(_ZEROS), _ZEROS)


@given(parsers.parse('An archive of a sparse file at "{path}" of a web server'))
def archive_of_holes(world: World, path: str) -> None:
    (name, content), *_ = _ZEROS.items()
    with (world.home / name).open("wb") as file:
        file.truncate(len(content))
    packed = subprocess.run(["tar", "czSf", "-", name], cwd=world.home, check=True, stdout=subprocess.PIPE).stdout
    offer(world, path, packed, _ZEROS)


@given(parsers.parse('An archive with a hard link at "{path}" of a web server'))
def archive_with_hard_link(world: World, path: str) -> None:
    first, *_ = _PENGUINS
    offer(world, path, tar_of(_PENGUINS, hard_link=("same.csv", first)), _PENGUINS | {"same.csv": _PENGUINS[first]})


@given(parsers.parse('an archive from a Japanese Windows at "{path}" of a web server'))
def archive_from_windows(world: World, path: str) -> None:
    names = ["写真/富士山.jpg", "データ.csv"]
    packed = zip_of({"*" * len(name.encode("cp932")): name.encode() for name in names})
    for name in names:
        packed = packed.replace(b"*" * len(name.encode("cp932")), name.encode("cp932"))
    offer(world, path, packed, {name: name.encode() for name in names})


@given(parsers.parse('an archive with a symbolic link at "{path}" of a web server'))
def archive_with_link(world: World, path: str) -> None:
    serve(world, path, tar_of(_PENGUINS, link="passwords.csv"))


@given(parsers.parse('an archive with a name that no disk takes at "{path}" of a web server'))
def archive_with_long_name(world: World, path: str) -> None:
    serve(world, path, tar_of({f"{'д' * 133}.csv": b"1,2"}))


@given(parsers.parse('an archive that is cut off at "{path}" of a web server'))
def archive_cut_off(world: World, path: str) -> None:
    archive = tar_of(_PENGUINS)
    serve(world, path, archive[: len(archive) // 2])


@given(parsers.parse('a web page at "{path}" of a web server'))
def web_page(world: World, path: str) -> None:
    serve(world, path, b"<!doctype html><h1>Sign in to download</h1>")


@given("a web server inside the network that the operator has not allowed")
def inner_server(world: World) -> None:
    world.own_server_or_folder()
    folder = world.home / "web"
    folder.mkdir()
    (folder / "secrets.zip").write_bytes(zip_of(_PENGUINS))
    lead_to(world, world.cleanups.enter_context(web_server(folder)), "secrets.zip")


@given("the penguin data in a bucket")
def data_in_bucket(world: World) -> None:
    world.allow_origins()
    others = {"2025/penguins.csv": b"1", "2026-raw.csv": b"2"}  # outside the prefix
    world.origins.bucket.fill(others | {f"2026/{path}": content for path, content in _PENGUINS.items()})
    world.origin = f"s3://{BUCKET}/2026"


@given(parsers.parse('a folder or file "{source}"'))
def folder_or_file(world: World, source: str) -> None:
    path = world.home / world.real_file(source)
    if path.suffix:
        path.write_text("a,b\n1,2\n")
    else:
        path.mkdir()
        (path / "notes.txt").write_text("wind from the south\n")


@when(parsers.re(r'I create a version of (?:the|its) archive in "(?P<name>[^"]+)"$'))
def create_from_archive(world: World, name: str) -> None:
    world.look()
    world.do(world.surface.fetch(world.real(name), world.origin))
    world.uploaded[name, 1] = world.offered or _PENGUINS
    world.subject = (name, 1)


@when(parsers.parse('I create a version of the bucket in "{name}"'))
def create_from_bucket(world: World, name: str) -> None:
    create_from_archive(world, name)
    assert world.last.done, world.last.said


@when(parsers.parse('I create a version of one object of the bucket in "{name}"'))
def create_from_object(world: World, name: str) -> None:
    path, content = next(iter(_PENGUINS.items()))
    world.origin += f"/{path}"
    world.offered = {path.rpartition("/")[2]: content}
    create_from_bucket(world, name)


@when(parsers.parse('I create a version in "{name}" that only refers to the bucket'))
def create_reference(world: World, name: str) -> None:
    world.look()
    world.do(world.surface.fetch(world.real(name), world.origin, refer=True))
    assert world.last.done, world.last.said
    world.uploaded[name, 1] = _PENGUINS


@when("the bucket is emptied")
def empty_bucket(world: World) -> None:
    for path in _PENGUINS:
        world.origins.bucket.remove(f"2026/{path}")


@when(parsers.parse('I upload "{source}" without a name'))
def upload_without_name(world: World, source: str) -> None:
    if isinstance(world.surface, UiSurface):
        world.do(world.surface.upload("", world.home / world.real_file(source)))
    else:
        world.do(cli(world).type("datastore", "create", world.real_file(source)))
    assert world.last.done, world.last.said


@then(parsers.re(r'version (?P<number>\d+) of "(?P<name>[^"]+)" is byte for byte what (?:is|was) in the \w+$'))
def holds_what_was_there(world: World, name: str, number: str) -> None:
    assert world.last.done, world.last.said
    holds_what_was_uploaded(world, name, int(number))


@then(parsers.parse('version {number:d} of "{name}" is that object, byte for byte'))
def holds_the_object(world: World, name: str, number: int) -> None:
    holds_what_was_uploaded(world, name, number)


@then(parsers.parse('the history of version {number:d} of "{name}" says that the names were read as "{encoding}"'))
def history_tells_encoding(world: World, name: str, number: int, encoding: str) -> None:
    history = world.surface.history(world.real(name), number)
    assert f"they were read as {encoding}" in history, history


@then("the bucket still holds the penguin data")
def bucket_untouched(world: World) -> None:
    assert {path: world.origins.bucket.get(f"2026/{path}") for path in _PENGUINS} == _PENGUINS


@then(parsers.parse('version {number:d} of "{name}" shows the folder that it came from'))
def shows_folder(world: World, name: str, number: int) -> None:
    shown = world.surface.source(world.real(name), number)
    assert str(world.variations()[0]) in shown, shown
    assert "files, uploaded" in shown, shown


@then(parsers.parse('version {number:d} of "{name}" shows the address that it came from'))
def shows_address(world: World, name: str, number: int) -> None:
    shown = world.surface.source(world.real(name), number)
    assert world.origin in shown, shown
    assert "archive, fetched and extracted" in shown, shown


@then(parsers.parse('a program can read which versions of "{name}" there are'))
def program_reads_versions(world: World, name: str) -> None:
    real = world.real(name)
    found = [item["spec"]["version"] for item in _for_programs(world, "list") if item["name"] == real]
    assert found == [number for known, number in sorted(world.uploaded) if known == name]


@then(parsers.parse('a program can read where version {number} of "{name}" came from'))
def program_reads_source(world: World, name: str, number: str) -> None:
    shown = _for_programs(world, "show", "--name", world.real(name), "--version", number)
    assert shown["datastore"]["spec"]["source"] == str(world.variations()[int(number) - 1])


@then(parsers.parse('a program can read which files version {number} of "{name}" holds'))
def program_reads_files(world: World, name: str, number: str) -> None:
    found = _for_programs(world, "files", "--name", world.real(name), "--version", number)
    content = world.uploaded[name, int(number)]
    assert {file["path"]: (file["size"], file["sha256"]) for file in found} == {
        path: (len(data), sha256(data).hexdigest()) for path, data in content.items()
    }


@then(parsers.parse('version {number:d} of "{name}" shows the address without the key'))
def shows_no_key(world: World, name: str, number: int) -> None:
    assert world.last.done, world.last.said
    shown = world.surface.source(world.real(name), number)
    assert world.origin.partition("?")[0] in shown, shown
    assert _KEY not in shown, shown


@then(parsers.parse('the history of version {number:d} of "{name}" does not hold the key'))
def history_without_key(world: World, name: str, number: int) -> None:
    history = world.surface.history(world.real(name), number)
    assert "created" in history, history
    assert _KEY not in history, history


@then(parsers.parse('version {number:d} of "{name}" shows the bucket that it refers to'))
def shows_reference(world: World, name: str, number: int) -> None:
    shown = world.surface.source(world.real(name), number)
    assert world.origin in shown, shown
    assert "leaves the bucket alone" in shown, shown


@then("I am told that the bucket was left alone")
def told_bucket_left_alone(world: World) -> None:
    words = {
        CliSurface: "which stay there",
        ApiSurface: "OBJECT_STORE_REFERENCE_ONLY",
        UiSurface: "leaves the bucket alone",
    }
    assert words[type(world.surface)] in world.last.said, world.last.said


def _for_programs(world: World, *words: str) -> Any:
    outcome = cli(world).type("datastore", *words, "-o", "json")
    assert outcome.done, outcome.said
    return json.loads(outcome.said)


def serve(world: World, path: str, content: bytes) -> None:
    """Serve these bytes at the path of the web server that the operator allows."""
    world.allow_origins()
    (world.origins.folder / path).write_bytes(content)
    lead_to(world, world.origins.host, path)


def offer(world: World, path: str, archive: bytes, files: dict[str, bytes]) -> None:
    """Serve an archive of other files than the penguin data."""
    world.offered = files
    serve(world, path, archive)


def lead_to(world: World, host: str, path: str) -> None:
    """Data comes from there."""
    world.evidence.rename(host, _SHOWN_HOST)
    world.origin = f"http://{host}/{path}"
