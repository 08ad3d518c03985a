"""Commands without the time that a process takes to load itself.

What a scenario is about is typed as a person types it: a process of its own; so are commands that a test kills, starves
or races. Set-up, and the many wordings and answers of the tests of reliability, run the same executable in a process
that is forked from one with its modules loaded: a fifth of the time. Only the project's own `grid` is kept so: an
edition, or a fault, has to be there before the modules are.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
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

_LOADED = ("grid_datastores.cli", "grid_datastores.gateway.embedded", "sqlalchemy.dialects.sqlite")
_PATIENCE = 120  # seconds


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
        with self._one_at_a_time, TemporaryDirectory() as said:
            out, err = Path(said, "out"), Path(said, "err")
            try:
                code = self._ask(_Command(words, dict(environment), str(folder), str(out), str(err)))
            except BaseException:
                self._give_up()
                raise
            return subprocess.CompletedProcess(words, code, out.read_text(), err.read_text())

    def _ask(self, command: _Command) -> int:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(asdict(command)), file=self._process.stdin, flush=True)
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            assert selector.select(_PATIENCE), f"It has not ended: {command}"
        code = self._process.stdout.readline()
        assert code, f"Nobody is there any more to type: {command}"
        return int(code)

    def _give_up(self) -> None:
        """End it, and what it is at; the next command starts another."""
        _own.cache_clear()
        atexit.unregister(self.end)
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def end(self) -> None:
        """Let it go: nothing more will be typed."""
        self._process.communicate(timeout=_PATIENCE)


@cache
def _own() -> _Warm:
    started = _Warm()
    atexit.register(started.end)
    return started


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
    _redirect(0, os.devnull, os.O_RDONLY)
    _redirect(1, command.out, os.O_WRONLY | os.O_CREAT)
    _redirect(2, command.err, os.O_WRONLY | os.O_CREAT)
    os.chdir(command.folder)
    os.environ.clear()
    os.environ.update(command.environment)
    sys.argv = [executables.own(), *command.words]
    runpy.run_path(sys.argv[0], run_name="__main__")


def _redirect(descriptor: int, path: str, how: int) -> None:
    opened = os.open(path, how, 0o600)
    os.dup2(opened, descriptor)
    os.close(opened)


if __name__ == "__main__":
    _serve(sys.stdin, os.fdopen(os.dup(1), "w"))
