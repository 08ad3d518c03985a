"""A full disk, and places that cannot be used: one sentence, and all that was there stays."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from acceptance.server import ServerProcess
from acceptance.waiting import wait_until
from reliability.machine import Machine, finished, folder_of

DISK = 4 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB of its own; only root can mount one."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk; RLIMIT_FSIZE stands for it in the other tests")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def _little_space() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (DISK, DISK))


def test_a_version_larger_than_may_be_written_leaves_nothing(stocked: Machine) -> None:
    """Embedded the limit is met while writing the version; over HTTP the client writes nothing, so it succeeds."""
    folder_of(stocked.home, {"large.bin": bytes(2 * DISK)}, "large")
    before = stocked.state()
    said = finished(stocked.execute("datastore", "create", "large", "--name", "data", preexec_fn=_little_space))
    if stocked.server:
        assert "Created version 2 of data" in said.done()
        return
    said.refused("The disk that stores the data is full. Nothing of this upload was stored")
    stocked.nothing_changed(before)


def test_a_download_larger_than_may_be_written_leaves_no_folder(machine: Machine) -> None:
    machine.create(folder_of(machine.home, {"large.bin": bytes(2 * DISK)}, "large"))
    before = machine.state()
    download = ("datastore", "download", "--name", "data", "--version", "1")
    finished(machine.execute(*download, preexec_fn=_little_space)).refused("data-1 cannot be written")
    assert sorted(path.name for path in machine.home.iterdir() if path.name != ".grid") == ["large"]
    machine.nothing_changed(before)


def test_a_catalog_that_may_not_grow_is_told(embedded: Machine) -> None:
    folder = folder_of(embedded.home, {"a": b"1"})
    assert embedded.create(folder) == 1
    before = embedded.state()
    for words in (("create", "source", "--name", "data"), ("delete", "--name", "data", "--version", "1")):
        said = finished(embedded.execute("datastore", *words, preexec_fn=_no_space))
        said.refused("catalog", str(embedded.directory))
    embedded.nothing_changed(before)


def _no_space() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_a_full_disk_of_this_machine_is_told_and_room_comes_back(embedded: Machine, small_disk: Path) -> None:
    (embedded.home / ".grid").symlink_to(small_disk)
    assert embedded.create(folder_of(embedded.home, {"a.bin": bytes(DISK // 2)}, "half")) == 1
    before = embedded.state()
    embedded.run("datastore", "create", "half", "--name", "data").refused("The disk that stores the data is full")
    embedded.nothing_changed(before)
    embedded.run("datastore", "delete", "--name", "data", "--version", "1").done()
    assert embedded.create("half") == 3


def test_a_full_disk_of_the_server_is_told_and_room_comes_back(embedded: Machine, small_disk: Path) -> None:
    server = ServerProcess(embedded.grid, small_disk)
    server.start()
    machine = Machine(embedded.grid, embedded.home, server, server.add_user("ana"))
    try:
        assert machine.create(folder_of(machine.home, {"a.bin": bytes(DISK // 2)}, "half")) == 1
        before = machine.state()
        machine.run("datastore", "create", "half", "--name", "data").refused("The disk that stores the data is full")
        machine.nothing_changed(before)
        machine.run("datastore", "delete", "--name", "data", "--version", "1").done()
        machine.nothing_changed(machine.state())
        assert machine.create("half") == 3
    finally:
        server.stop()


def test_a_disk_without_a_free_byte_can_be_read_and_deleted_from(embedded: Machine, small_disk: Path) -> None:
    (embedded.home / ".grid").symlink_to(small_disk)
    folder = folder_of(embedded.home, {"a": b"1"})
    assert [embedded.create(folder), embedded.create(folder)] == [1, 2]
    before = embedded.state()
    _fill(small_disk / "others")
    second = ("--datastore_name", "data", "--datastore_version", "2")
    for words in (("datastore", "create", "source", "--name", "data"), ("session", "create", "s", *second)):
        embedded.run(*words).refused("There is no space left")
    embedded.nothing_changed(before)
    for _ in range(3):
        embedded.run("datastore", "delete", "--name", "data", "--version", "1", "--dry-run").done()
    embedded.run("datastore", "delete", "--name", "data", "--version", "1").done()
    assert embedded.phases() == [(2, "SUCCEEDED")]
    assert len(list(embedded.storage.iterdir())) == 1


def test_a_disk_without_even_the_reserve_is_told(embedded: Machine, small_disk: Path) -> None:
    (embedded.home / ".grid").symlink_to(small_disk)
    assert embedded.create(folder_of(embedded.home, {"a": b"1"})) == 1
    (small_disk / "data" / "catalog.sqlite.reserve").unlink()
    _fill(small_disk / "others")
    delete = ("datastore", "delete", "--name", "data", "--version", "1")
    for words in (("datastore",), delete):
        embedded.run(*words).refused("There is no space left", "Free some space on that disk, then try again")
    (small_disk / "others").unlink()
    embedded.run(*delete).done()


def test_a_server_on_a_disk_without_a_free_byte_deletes(embedded: Machine, small_disk: Path) -> None:
    server = ServerProcess(embedded.grid, small_disk)
    server.start()
    machine = Machine(embedded.grid, embedded.home, server, server.add_user("ana"))
    try:
        folder = folder_of(machine.home, {"a": b"1"})
        assert [machine.create(folder) for _ in range(5)] == [1, 2, 3, 4, 5]
        _fill(small_disk / "others")
        for number in range(1, 5):
            machine.run("datastore", "delete", "--name", "data", "--version", str(number)).done()
        assert machine.phases() == [(5, "SUCCEEDED")]
        wait_until(lambda: len(list(machine.storage.iterdir())) == 1, "their bytes are gone")
    finally:
        server.stop()


def _fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@pytest.mark.parametrize("words", [("datastore",), ("datastore", "create", "source"), ("serve", "--port", "0")])
def test_a_data_folder_that_cannot_be_used_is_told(embedded: Machine, words: tuple[str, ...]) -> None:
    folder_of(embedded.home, {"a": b"1"})
    (embedded.home / "file").write_text("mine")
    (embedded.home / "closed").mkdir(mode=0o500)
    (embedded.home / "read-only" / "data" / "versions").mkdir(parents=True)
    (embedded.home / "read-only" / "data").chmod(0o500)
    (embedded.home / "loop").symlink_to("loop")
    for place in ("file", "file/below", "closed/below", "closed", "read-only", "loop"):
        said = embedded.run(*words, env={"GRID_DIR": str(embedded.home / place)}, powerless=True)
        said.refused(place.partition("/")[0])
    assert (embedded.home / "file").read_text() == "mine"


def test_a_damaged_catalog_is_told_and_left_as_it_is(embedded: Machine) -> None:
    embedded.create(folder_of(embedded.home, {"a": b"1"}))
    catalog = embedded.directory / "data" / "catalog.sqlite"
    held = sorted(path.name for path in embedded.storage.rglob("*"))
    sound = catalog.read_bytes()
    for damaged in (b"this is no catalog" * 1000, sound[:5000], sound[:100] + b"\xff" * 8000 + sound[8100:]):
        catalog.write_bytes(damaged)
        commands: list[tuple[str, ...]] = [("datastore",), ("datastore", "delete", "--name=data", "--version=1")]
        for words in [*commands, ("datastore", "create", "source"), ("serve", "--port", "0")]:
            embedded.run(*words).refused("The catalog", "is damaged", str(catalog))
        assert catalog.read_bytes() == damaged
    assert sorted(path.name for path in embedded.storage.rglob("*")) == held
    catalog.write_bytes(sound)
    assert embedded.phases() == [(1, "SUCCEEDED")]


def test_a_catalog_in_a_folder_that_is_not_there_is_told(embedded: Machine) -> None:
    url = "sqlite:////no/such/folder/catalog.sqlite"
    embedded.run("datastore", env={"GRID_DATABASE_URL": url}).refused("The catalog")


@pytest.mark.parametrize("damage", ["gone", "no manifest", "nonsense"])
def test_a_version_damaged_in_storage_is_told_and_can_be_deleted(machine: Machine, damage: str) -> None:
    machine.create(folder_of(machine.home, {"a.csv": b"1"}))
    (held,) = [machine.storage / item["id"] for item in machine.listing()]
    (manifest,) = held.glob("manifest*")
    (pack,) = [path for path in held.iterdir() if path != manifest]
    if damage == "gone":
        pack.unlink()
    elif damage == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text("nonsense")
    said = machine.run("datastore", "download", "--name", "data", "--version", "1")
    said.refused()
    assert not (machine.home / "data-1").exists()
    if damage != "gone":
        machine.run("datastore", "files", "--name", "data", "--version", "1").refused("of this version is")
    machine.run("datastore", "delete", "--name", "data", "--version", "1").done()
    assert machine.phases() == []


@pytest.mark.proves("download-is-verified")
@pytest.mark.parametrize(("name", "content"), [("a.csv", b"right"), ("b.csv", b"also")])
def test_bytes_that_rotted_in_storage_are_never_handed_out(machine: Machine, name: str, content: bytes) -> None:
    machine.create(folder_of(machine.home, {"a.csv": b"right", "b.csv": b"also"}))
    (held,) = [machine.storage / item["id"] for item in machine.listing()]
    (pack,) = held.glob("*pack*") if not machine.server else held.glob("object-*")
    pack.write_bytes(pack.read_bytes().replace(content, content[::-1]))
    said = machine.run("datastore", "download", "--name", "data", "--version", "1")
    said.refused(f"{name} does not match its SHA-256")
    assert [path.name for path in machine.home.iterdir() if path.name != ".grid"] == ["source"]
