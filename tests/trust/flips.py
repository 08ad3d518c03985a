"""Flip one bit of one stored file: it is noticed, or it does no harm."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

from click.testing import CliRunner

from grid_datastores.cli.main import cli
from grid_datastores.gateway.credentials import Server, find_server, store_credentials
from grid_datastores.settings import Limits, Settings
from reliability.faults import dying
from reliability.machine import finished, folder_of
from trust.attack import Attack, Figures
from trust.machines import embedded, scratch

_FLIPS, _WRONG, _UNFORESEEN = "flips", "wrong bytes or paths with success", "tracebacks"
_NOTICED, _HARMLESS = "flips that were noticed", "flips that did no harm"
_FIRST, _SECOND, _BIRDS, _KILLED = ("data", 1), ("data", 2), ("birds", 1), ("late", 1)
_STORAGE = "grid_datastores.storage:LocalStorage"


def run(budget: int, seed: int) -> Figures:
    """Flip so many bits, each in a fresh copy of the same folder."""
    figures, random = Figures(), Random(seed)
    with scratch(in_memory=True) as folder:
        original = _Original(folder, random)
        for number in range(budget):
            copy = folder / "copy"
            shutil.copytree(original.directory, copy, copy_function=shutil.copy2)
            _flip(figures, original, copy, random, f"flip {number} of the seed {seed}")
            shutil.rmtree(copy)
    return figures


class _Original:
    """A folder with versions, a deleted one, a Session, a killed upload, and credentials."""

    def __init__(self, folder: Path, random: Random) -> None:
        machine = embedded(folder)
        self.contents: dict[tuple[str, int], Mapping[str, bytes]] = {}
        for name, number in (_FIRST, _SECOND, _BIRDS):
            files = {"a.csv": random.randbytes(300), "deep/b.csv": f"{name} {number}".encode(), "c.bin": _large(random)}
            self.contents[name, number] = files
            machine.create(folder_of(machine.home, files, f"{name}-{number}"), name)
        machine.create(folder_of(machine.home, {"x": b"gone"}, "gone"), "gone")
        machine.run("datastore", "delete", "--name=gone", "--version=1").done()
        mount = ("--datastore_name=birds", "--datastore_version=1")
        machine.run("session", "create", "tuning", *mount).done()
        self.contents[_KILLED] = {"a.csv": b"late", "c.bin": _large(random)}
        source = folder_of(machine.home, self.contents[_KILLED], "late")
        machine.grid, own = dying(folder, f"{_STORAGE}.publish", after=False), machine.grid
        assert finished(machine.start("datastore", "create", str(source), "--name", "late")).code == -9
        machine.grid = own
        self.directory = machine.directory
        store_credentials(_settings(folder / "signed-in"), Server("http://127.0.0.1:9", "ana", "k" * 43, "local"))
        (folder / "signed-in").rename(self.directory / "signed-in")

    def kinds(self) -> Mapping[str, list[Path]]:
        """The stored files, by kind."""
        kinds: dict[str, list[Path]] = {}
        for path in sorted(self.directory.rglob("*")):
            if path.is_file() and path.stat().st_size and (kind := _kind(path)):
                kinds.setdefault(kind, []).append(path.relative_to(self.directory))
        return kinds


def _large(random: Random) -> bytes:
    return random.randbytes(8) * (1024 * 128)


def _settings(directory: Path) -> Settings:
    return Settings(directory, directory / "data" / "catalog.sqlite", Limits())


def _kind(path: Path) -> str:
    """The kind of a stored file; "" for one that holds nothing."""
    if path.name.endswith((".reserve", "-shm")):
        return ""
    if path.parent.name == "uploads":
        return "journal"
    if path.parent.parent.name == "versions":
        return "manifest" if "manifest" in path.name else "pack" if "pack" in path.name else "object"
    return "credentials" if "signed-in" in path.parts else "catalog" if "catalog" in path.name else path.stem


def _flip(figures: Figures, original: _Original, copy: Path, random: Random, why: str) -> None:
    kinds = original.kinds()
    kind = random.choice(sorted(kinds))
    path = copy / random.choice(kinds[kind])
    content = bytearray(path.read_bytes())
    at, bit = random.randrange(len(content)), random.randrange(8)
    content[at] ^= 1 << bit
    path.chmod(0o600)
    path.write_bytes(content)
    figures.count(_FLIPS)
    figures.count(f"flips in {kind}")
    why = f"{why}, bit {bit} of byte {at} of {path.relative_to(copy)}"
    machine = _Terminal(figures, copy, why)
    if kind == "credentials":
        machine.read_credentials()
    else:
        _use(original, machine)
    figures.count(_NOTICED if machine.noticed else _HARMLESS)


def _use(original: _Original, machine: _Terminal) -> None:
    """Use all, and compare what succeeds with what was stored."""
    machine.type("datastore", "resume")
    for name, number in (_FIRST, _SECOND, _BIRDS, _KILLED):
        machine.download(name, number, original.contents[name, number])
    machine.type("datastore", "files", "--name=data", "--version=1")
    machine.type("datastore", "show", "--name=data", "--version=1")
    machine.type("session")
    if machine.type("datastore", "delete", "--name=data", "--version=2"):
        for name, number in (_FIRST, _BIRDS):
            machine.download(name, number, original.contents[name, number], "after another was deleted")
    machine.type("datastore", "-o", "json")


class _Terminal:
    """Commands in this process, on one folder."""

    def __init__(self, figures: Figures, directory: Path, why: str) -> None:
        self._figures, self._directory, self._why = figures, directory, why
        self._downloads = 0
        self.noticed = False

    def type(self, *words: str) -> bool:
        """Whether a command succeeds; a refusal notices the flip."""
        environment = {"GRID_DIR": str(self._directory), "HOME": str(self._directory), "LOGNAME": "ana"}
        others = {name: None for name in os.environ if name.startswith("GRID_")}
        done = CliRunner().invoke(cli, words, env={**others, **environment})
        foreseen = done.exception is None or isinstance(done.exception, SystemExit | OSError)
        self._figures.check(foreseen, _UNFORESEEN, f"`grid {' '.join(words)}`: {done.exception!r}, {self._why}")
        self.noticed |= done.exit_code != 0 or bool(done.stderr)
        return done.exit_code == 0

    def download(self, name: str, number: int, expected: Mapping[str, bytes], when: str = "") -> None:
        """Download a version; with success only the files that were stored."""
        self._downloads += 1
        place = self._directory / f"download-{self._downloads}"
        words = ("datastore", "download", f"--name={name}", f"--version={number}", f"--to={place}")
        if not self.type(*words):
            return
        found = {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}
        differences = sorted(path for path in {*found, *expected} if found.get(path) != expected.get(path))
        self._figures.check(not differences, _WRONG, f"{differences} of version {number} of {name} {when}, {self._why}")

    def read_credentials(self) -> None:
        """Read them as a command does; nothing is sent, as a flip can name another host."""
        with _without_grid_variables():
            try:
                find_server(_settings(self._directory / "signed-in"))
            except Exception as error:
                self.noticed = True
                self._figures.check(hasattr(error, "reason"), _UNFORESEEN, f"{error!r}, {self._why}")


@contextmanager
def _without_grid_variables() -> Iterator[None]:
    held = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("GRID_")}
    try:
        yield
    finally:
        os.environ.update(held)


ATTACK = Attack(
    "flips",
    "One flipped bit in every kind of stored file",
    _FLIPS,
    (_WRONG, _UNFORESEEN),
    run,
    bounded=15,
    long=1_500,
    parts=2,
)
