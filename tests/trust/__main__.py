"""Run the attacks.

    make trust                                            all, with the long budget; writes tests/trust/figures.json
    make trust ATTACKS="kills access"                     some of them
    make trust ATTACKS=kills BUDGET=5 SEED=7              one run again; writes nothing

A long run is divided into parts, each in a process of its own. A part that has ended is not run again until the sources
change, so an interrupted run can be resumed. The exit code is 1 if a fault was found.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from guide.tested import ROOT, sources_digest
from trust.attack import Attack, Figures
from trust.catalogue import ATTACKS, BY_NAME
from trust.figures_file import Part, merged, read_figures, write_figures
from trust.machines import plant_everywhere
from trust.seeds import fresh_seed

_PARTS = ROOT / "build" / "trust"
_POLL_INTERVAL = 0.2  # seconds
_PACKAGES = ("grid-datastores", "hypothesis", "schemathesis")


def main(words: list[str]) -> int:
    """Run one attack, or all; 0 if nothing was found, 1 if something was, 2 for an unknown attack."""
    parser = argparse.ArgumentParser(prog="python -m trust")
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=f"of {', '.join(BY_NAME)}; default: all")
    parser.add_argument("--budget", type=int, help="run one attack so long, in this process")
    parser.add_argument("--seed", type=int, help="repeat the run with this seed")
    parser.add_argument("--planted", action="store_true", help="put in the defect that the attack has to notice")
    parser.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--processes", type=int, default=(os.cpu_count() or 1) + 1)
    given = parser.parse_args(words)
    if unknown := set(given.attacks) - set(BY_NAME):
        parser.error(f"there is no attack {', '.join(sorted(unknown))}")
    if given.budget is None:
        return _run_all([BY_NAME[name] for name in given.attacks] or list(ATTACKS), given.processes)
    if len(given.attacks) != 1:
        parser.error("--budget takes exactly one attack")
    if given.planted:
        plant_everywhere(given.attacks[0])
    seed = fresh_seed() if given.seed is None else given.seed
    return _run_one(BY_NAME[given.attacks[0]], given.budget, seed, given.to)


def _run_one(attack: Attack, budget: int, seed: int, to: Path | None) -> int:
    began = time.monotonic()
    figures: Figures = attack.run(budget, seed)
    part = Part(attack.name, budget, seed, time.monotonic() - began, dict(figures.counts), figures.faults)
    if to:
        to.write_text(json.dumps(asdict(part)))
    else:
        print(json.dumps(asdict(part), indent=1))
    return 1 if part.faults else 0


def _run_all(attacks: list[Attack], processes: int) -> int:
    folder = _PARTS / sources_digest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    for attack in attacks:
        if lacks := attack.needs():
            sys.exit(f"{attack.name} cannot run here: {lacks}")
    wanted = [(attack, number) for number in range(max(one.parts for one in attacks)) for attack in attacks]
    wanted = [(attack, number) for attack, number in wanted if number < attack.parts]
    waiting = [one for one in wanted if not _file(folder, *one).exists()]
    print(f"{len(wanted)} runs, {len(wanted) - len(waiting)} of them done before", flush=True)
    failed = _run_parts(folder, waiting, processes)
    figures = read_figures()
    for attack in attacks:
        parts = [_read(_file(folder, attack, number)) for number in range(attack.parts)]
        if None not in parts:
            packages = {name: version(name) for name in _PACKAGES}
            whole = [part for part in parts if part]
            day = str(datetime.now(UTC).date())
            figures[attack.name] = merged(attack, whole, day, packages | {"python": platform.python_version()})
    write_figures({name: figures[name] for name in BY_NAME if name in figures})
    return 1 if failed else 0


def _file(folder: Path, attack: Attack, number: int) -> Path:
    return folder / f"{attack.name}-{number}.json"


def _read(path: Path) -> Part | None:
    return Part(**json.loads(path.read_text())) if path.exists() else None


def _run_parts(folder: Path, waiting: list[tuple[Attack, int]], processes: int) -> bool:
    """Run these parts, several at a time. Returns whether any found a fault or did not end."""
    failed, waiting = False, list(waiting)
    with _ended_in_the_end() as running:
        while waiting or running:
            while waiting and len(running) < processes:
                attack, number = waiting.pop(0)
                running[_start(folder, attack, number)] = attack, number
            time.sleep(_POLL_INTERVAL)
            for process in [process for process in running if process.poll() is not None]:
                attack, number = running.pop(process)
                failed |= not _report(folder, attack, number)
    return failed


def _start(folder: Path, attack: Attack, number: int) -> subprocess.Popen[bytes]:
    budget = -(-attack.long // attack.parts)
    command = [sys.executable, "-m", "trust", attack.name, "--budget", str(budget), "--seed", str(fresh_seed())]
    log = folder / f"{attack.name}-{number}.log"
    part = _file(folder, attack, number)
    with log.open("wb") as output:
        return subprocess.Popen(
            [*command, "--to", str(part.with_suffix(".new"))],
            cwd=ROOT / "tests",
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that all that a part starts can be ended with it
        )


def _report(folder: Path, attack: Attack, number: int) -> bool:
    """Print what a part came to. A sound one is kept, so that it is not run again. Returns whether it is sound."""
    new, log = _file(folder, attack, number).with_suffix(".new"), folder / f"{attack.name}-{number}.log"
    part = _read(new)
    title = f"{attack.name} {number + 1}/{attack.parts}"
    if part is None:
        print(f"{title}: did not end. Its log: {log}\n{log.read_text(errors='replace')[-4000:]}", flush=True)
        return False
    done = f"{part.counts.get(attack.unit, 0):,} {attack.unit} in {part.seconds:.0f} s"
    if part.faults:
        account = "\n  ".join(part.faults[:10])
        again = attack.command(part.budget, part.seed)
        print(f"{title}: {done}, {len(part.faults)} FAULTS\n  {account}\n  To repeat it: {again}", flush=True)
        return False
    new.rename(_file(folder, attack, number))
    print(f"{title}: {done}, nothing found", flush=True)
    return True


@contextmanager
def _ended_in_the_end() -> Iterator[dict[subprocess.Popen[bytes], tuple[Attack, int]]]:
    """The processes that run, which are ended with all that they started when this one is interrupted."""
    running: dict[subprocess.Popen[bytes], tuple[Attack, int]] = {}
    try:
        yield running
    finally:
        for process in running:
            os.killpg(process.pid, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
