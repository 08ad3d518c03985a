"""Commands and servers without the time that a process takes to load its modules.

Each is a process of its own, forked from one that has loaded the executable and then waits: a fifth of the time. The
project's own `grid` is loaded when it is first asked for, and so is an edition, with what it changes; any other
executable is started as it is. Where a scenario types a command as a person does, or kills, starves or races one, it
starts a process the ordinary way: see `acceptance.typing`.
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
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Protocol

from acceptance import executables

_LOADED = (
    "grid_datastores.cli",
    "grid_datastores.gateway.embedded",
    "grid_datastores.gateway.http",
    "grid_datastores.server.serve",
    "sqlalchemy.dialects.sqlite",
    "uvicorn.protocols.http.auto",
)
_PATIENCE = 120.0  # seconds
_editions: set[str] = set()


class Process(Protocol):
    """What tests ask of a process, whichever way it was started."""

    pid: int

    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...


def keep(grid: str) -> None:
    """Load this executable, too, when a command of it is first run."""
    _editions.add(grid)


def run(
    grid: str, words: tuple[str, ...], environment: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """What this command says, typed in this folder."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        process = start(grid, words, environment, folder, out.fileno(), err.fileno())
        try:
            code = process.wait(_PATIENCE)
        except BaseException:
            process.send_signal(signal.SIGKILL)
            process.wait()
            raise
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess((grid, *words), code, out.read(), err.read())


def start(
    grid: str, words: tuple[str, ...], environment: Mapping[str, str], folder: Path, out: int, err: int
) -> Process:
    """Start this command in this folder; it reads nothing, and writes to these descriptors."""
    if grid == executables.own() or grid in _editions:
        return _loaded(grid).start(_Command(words, dict(environment), str(folder)), out, err)
    return type_in(grid, words, environment, folder, out, err)


def type_in(
    grid: str, words: tuple[str, ...], environment: Mapping[str, str], folder: Path, out: int, err: int
) -> Process:
    """The same, started the ordinary way."""
    return subprocess.Popen(
        [grid, *words], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
    )


@dataclass(frozen=True)
class _Command:
    """What to type, and where."""

    words: tuple[str, ...]
    environment: dict[str, str]
    folder: str


class _Forked:
    """A process that another one forked, which says over the connection how it ended."""

    def __init__(self, connection: socket.socket) -> None:
        self._answers = connection.makefile()
        self._connection = connection
        self._code: int | None = None
        self.pid = int(self._answers.readline())

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._connection, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired("grid", timeout or 0)
            self._code = int(self._answers.readline())
            self._answers.close()
            self._connection.close()
        return self._code

    def send_signal(self, sig: int, /) -> None:
        if self._code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, sig)


class _Loaded:
    """A process that has loaded an executable; it ends, with all that it forked, when this one does."""

    def __init__(self, grid: str) -> None:
        self._folder = TemporaryDirectory()
        self._address = str(Path(self._folder.name, "commands"))
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(executables.TESTS)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "acceptance.warm", grid, self._address],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout
        assert self._process.stdout.readline(), f"{grid} could not be loaded"

    def start(self, command: _Command, out: int, err: int) -> _Forked:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._address)
        with Path(os.devnull).open() as nothing:
            request = json.dumps(asdict(command)).encode()
            socket.send_fds(connection, [b"%d\n" % len(request)], [nothing.fileno(), out, err])
            connection.sendall(request)
            return _Forked(connection)

    def end(self) -> None:
        """Let it go: nothing more will be typed."""
        self._process.communicate(timeout=_PATIENCE)
        self._folder.cleanup()


@cache
def _loaded(grid: str) -> _Loaded:
    started = _Loaded(grid)
    atexit.register(started.end)
    return started


def _serve(grid: str, address: str) -> None:
    """Load the executable, and fork a process for each command that is asked for, until nobody asks any more."""
    program: Callable[[], object] = runpy.run_path(grid, run_name="loaded")["main"]
    for module in _LOADED:
        importlib.import_module(module)
    gc.freeze()
    running: dict[int, tuple[ForkProcess, socket.socket]] = {}  # by what is readable when it has ended
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(100)
        print("ready", flush=True)
        while sys.stdin not in (ready := wait([sys.stdin, listener, *running])):
            for ended in running.keys() & set(ready):
                _say_how_it_ended(*running.pop(ended))
            if listener in ready:
                process, waits = _fork(grid, program, listener)
                running[process.sentinel] = process, waits
    for process, _ in running.values():
        process.kill()


def _fork(
    grid: str, program: Callable[[], object], listener: socket.socket
) -> tuple[ForkProcess, socket.socket]:
    connection, _ = listener.accept()
    length, streams, _, _ = socket.recv_fds(connection, 100, 3)
    while not length.endswith(b"\n"):
        length += connection.recv(1)
    with connection.makefile("rb") as request:
        command = _Command(**json.loads(request.read(int(length))))
    process = ForkProcess(target=_become, args=(grid, program, command, streams))
    process.start()
    for stream in streams:
        os.close(stream)
    connection.sendall(b"%d\n" % process.pid)
    return process, connection


def _say_how_it_ended(process: ForkProcess, connection: socket.socket) -> None:
    process.join()
    with connection, suppress(OSError):  # nobody may wait for it any more
        connection.sendall(b"%d\n" % process.exitcode)
    process.close()


def _become(grid: str, program: Callable[[], object], command: _Command, streams: list[int]) -> None:
    """Be the program, with what a process has that is started the ordinary way: a session, streams, variables, words."""
    os.setsid()
    for standard, stream in enumerate(streams):
        os.dup2(stream, standard)
        os.close(stream)
    os.chdir(command.folder)
    os.environ.clear()
    os.environ.update(command.environment)
    sys.argv = [grid, *command.words]
    program()


if __name__ == "__main__":
    _serve(*sys.argv[1:])
