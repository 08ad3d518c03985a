"""Commands of set-up, without the time that a process takes to load itself.

What a test is about is typed as a person types it: a process of its own. What set-up types, or looks at, runs the same
executable in a process that is forked from one with its modules loaded: a fifth of the time. Only the project's own
`grid` is kept so: an edition, or a fault, has to be there before the modules are.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import selectors
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from acceptance import executables

_LOADED = ("grid_datastores.cli", "grid_datastores.embedded", "sqlalchemy.dialects.sqlite")
_PATIENCE = 60  # seconds


def run(
    grid: str, words: tuple[str, ...], environment: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """What this command says, typed in this folder."""
    if grid == executables.own():
        return _own().run(words, environment, folder)
    return subprocess.run(
        [grid, *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
    )


@dataclass(frozen=True)
class _Command:
    """What to type, and the files for what it says."""

    words: tuple[str, ...]
    environment: dict[str, str]
    folder: str
    out: str
    err: str


class _Warm:
    """A process that waits for commands; it ends with the one that started it."""

    def __init__(self) -> None:
        self._said = TemporaryDirectory()
        self._one_at_a_time = threading.Lock()
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(executables.TESTS)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "acceptance.warm"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(
        self, words: tuple[str, ...], environment: Mapping[str, str], folder: Path
    ) -> subprocess.CompletedProcess[str]:
        out, err = Path(self._said.name, "out"), Path(self._said.name, "err")
        with self._one_at_a_time:
            code = self._ask(_Command(words, dict(environment), str(folder), str(out), str(err)))
            return subprocess.CompletedProcess(words, code, out.read_text(), err.read_text())

    def _ask(self, command: _Command) -> int:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(asdict(command)), file=self._process.stdin, flush=True)
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            assert selector.select(_PATIENCE), f"It has not ended: {command}"
        return int(self._process.stdout.readline())


@cache
def _own() -> _Warm:
    return _Warm()


def _serve(asked: TextIO, answers: TextIO) -> None:
    """Answer each line with an exit code."""
    for module in _LOADED:
        importlib.import_module(module)
    gc.freeze()
    for line in asked:
        if (child := os.fork()) == 0:
            _become(_Command(**json.loads(line)))
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers, flush=True)


def _become(command: _Command) -> None:
    """Be the executable from now on."""
    os.chdir(command.folder)
    os.environ.clear()
    os.environ.update(command.environment)
    _redirect(0, os.devnull, os.O_RDONLY)
    _redirect(1, command.out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    _redirect(2, command.err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    sys.argv = [executables.own(), *command.words]
    runpy.run_path(sys.argv[0], run_name="__main__")


def _redirect(descriptor: int, path: str, how: int) -> None:
    opened = os.open(path, how, 0o600)
    os.dup2(opened, descriptor)
    os.close(opened)


if __name__ == "__main__":
    _serve(sys.stdin, os.fdopen(os.dup(1), "w"))
