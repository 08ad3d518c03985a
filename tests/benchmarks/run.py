"""How fast, as ratios to what everybody knows, measured side by side in one run.

    .venv/bin/python tests/benchmarks/run.py [FILES]      20,000 files of 4 KiB when left out

Each figure is the best of three, beside the bound that the design sets.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import count
from pathlib import Path

GRID = str(Path(sysconfig.get_path("scripts")) / "grid")
ROUNDS = 3


def main(files: int) -> None:
    """Measure, and print a line each."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        many, one, copy = make_files(folder / "many", files), make_files(folder / "one", 1), folder / "copy"
        os.environ |= {"GRID_DIR": str(folder / "grid"), "GRID_URL": ""}
        copying = best(lambda: run("cp", "-r", str(many), str(copy)), lambda: remove(copy))
        remove(copy)
        erasing = best(lambda: remove(copy), lambda: run("cp", "-r", str(many), str(copy)))
        creating = best(lambda: create(many))
        deleting, deleting_one = deletions(many), deletions(one)
        with served() as address:
            keeping, connecting = best(lambda: ask(address, kept=True)), best(lambda: ask(address, kept=False))
        helping = best(lambda: run(GRID, "--help"))
        click = best(lambda: run(sys.executable, "-c", "import click"))
    report("create, to cp -r", creating, copying, 1.0)
    report("erasing the bytes (a deletion, less that of one file), to rm -rf", deleting - deleting_one, erasing, 0.1)
    report("a deletion, to that of one file", deleting, deleting_one, 1.3)
    report("an answer on a connection that is kept, to one on a new connection", keeping, connecting, 1.2)
    report("grid --help, to importing click", helping, click, 2.0)


def create(source: Path) -> None:
    """One more version of this folder."""
    run(GRID, "datastore", "create", str(source), "--name", source.name)


def deletions(source: Path) -> float:
    """The shortest deletion of a version of this folder, its bytes included, in seconds."""
    for _ in range(ROUNDS):
        create(source)
    last = count(1)
    known = subprocess.run([GRID, "datastore"], check=True, capture_output=True, text=True).stdout
    numbers = [line.split()[1] for line in known.splitlines() if line.startswith(f"{source.name} ")]
    return best(lambda: run(GRID, "datastore", "delete", "--name", source.name, "--version", numbers[-next(last)]))


@contextmanager
def served() -> Iterator[str]:
    """A server; its host and port."""
    process = subprocess.Popen([GRID, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield process.stdout.readline().split(" is running at http://")[1].split()[0]
    finally:
        process.terminate()
        process.communicate()


def ask(address: str, *, kept: bool) -> None:
    """A hundred small answers."""
    connection = HTTPConnection(address)
    for _ in range(100):
        connection.request("GET", "/static/icon.svg")
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        answer.read()
        if not kept:
            connection.close()
    connection.close()


def make_files(folder: Path, files: int) -> Path:
    """So many files of 4 KiB, a thousand a folder."""
    for number in range(files):
        path = folder / str(number // 1000) / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(4096))
    return folder


def best(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """The shortest of some rounds, in seconds; `before` is done before each, untimed."""
    seconds = []
    for _ in range(ROUNDS):
        before()
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def run(*command: str) -> None:
    """Run it; it has to succeed."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def remove(folder: Path) -> None:
    """As `rm -rf` does."""
    run("rm", "-rf", str(folder))


def report(what: str, ours: float, theirs: float, bound: float) -> None:
    """One line."""
    verdict = "holds" if ours / theirs <= bound else "missed"
    print(f"{what}: {ours / theirs:.2f} ({ours:.2f} s to {theirs:.2f} s; at most {bound}: {verdict})", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
