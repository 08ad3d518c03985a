"""Small disks that fill up at every level, with creates and deletes: refusals say so, and all acknowledged stays."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

from reliability.machine import Machine, Said, folder_of
from trust import embedded_state
from trust.acknowledged import NEVER, Acknowledged, Ref
from trust.attack import Attack, Figures
from trust.machines import embedded, scratch

_LEVELS, _WRONG = "full disks", "refusals that do not say so"
_STEPS = 7  # commands of one disk
# The disk has no byte even for the catalog, so the upload stays listed, and the refusal says how to discard it.
_LEFT = re.compile(r"The upload of version (\d+) of data failed: .* It could not be discarded: .*clearcache")
_SAYS_SO = re.compile(r"is full|no space left", re.IGNORECASE)


def run(budget: int, seed: int) -> Figures:
    """Fill so many disks."""
    figures, random = Figures(), Random(seed)
    for _ in range(budget):
        size = random.randint(700_000, 6_000_000)
        with scratch() as folder, _disk(folder, size) as disk:
            _fill_up(figures, random, folder, disk, f"on a disk of {size} bytes, seed {seed}")
        figures.count(_LEVELS)
        if figures.faults:
            break
    return figures


@contextmanager
def _disk(folder: Path, size: int) -> Iterator[Path]:
    place = folder / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def _fill_up(figures: Figures, random: Random, folder: Path, disk: Path, where: str) -> None:
    machine = embedded(folder)
    (machine.home / ".grid").symlink_to(disk)
    known, others = Acknowledged(figures), disk / "others"
    for step in range(_STEPS):
        refs = sorted(known.versions)
        if refs and random.random() < 0.35:
            ref = random.choice(refs)
            if _says(figures, _delete(machine, ref), where):
                known.gone(ref)
        else:
            files = {"a.csv": random.randbytes(100), "b.bin": random.randbytes(random.randint(1000, 1_500_000))}
            said = _create(machine, folder_of(machine.home, files, f"source-{step}"))
            if _says(figures, said, where) and (found := re.match(r"Created version (\d+) of ", said.out)):
                known.created(("data", int(found[1])), files)
            if found := _LEFT.search(said.err):
                known.unfinished[("data", int(found[1]))] = files
        if random.random() < 0.3:
            _leave(others, disk, random.choice((0, 5_000, 50_000, 300_000)))
    others.unlink(missing_ok=True)
    for ref in sorted(known.versions)[:1]:  # room comes back
        if _says(figures, _delete(machine, ref), where):
            known.gone(ref)
    _says(figures, machine.run("datastore"), where)
    versions = embedded_state.listed(machine)
    known.compare(versions, lambda _ref, seen: embedded_state.files_of(machine, seen), where)
    embedded_state.check_storage(figures, machine, versions, where)


def _create(machine: Machine, source: Path) -> Said:
    return machine.run("datastore", "create", str(source), "--name", "data")


def _delete(machine: Machine, ref: Ref) -> Said:
    return machine.run("datastore", "delete", "--name", ref[0], "--version", str(ref[1]))


def _says(figures: Figures, said: Said, where: str) -> bool:
    """Whether a command succeeded. One that did not has to say that the disk is full."""
    figures.count("commands")
    if said.code == 0:
        return True
    figures.count("commands that were refused")
    sound = said.code == 1 and "Traceback" not in said.err and _SAYS_SO.search(said.err) is not None
    figures.check(sound, _WRONG, f"{said} {where}")
    return False


def _leave(file: Path, disk: Path, free: int) -> None:
    """Fill the disk with another's file, but for so many bytes."""
    state = os.statvfs(disk)
    taken = state.f_bavail * state.f_frsize - free
    with suppress(OSError), file.open("ab", buffering=0) as target:
        while taken > 0:
            taken -= target.write(bytes(min(65536, taken)))


def _lacks() -> str:
    return "" if os.geteuid() == 0 else "only root can mount a small disk"


ATTACK = Attack(
    "disks",
    "Disks that fill up, at any level",
    _LEVELS,
    (*NEVER, _WRONG),
    run,
    bounded=3,
    long=150,
    needs=_lacks,
)
