"""A process with the modules of `grid` loaded, which forks itself for each command that it is asked to be.

It is asked over a socket, which is its standard input: a line of JSON, with the descriptors of the standard streams and
of a pipe. Into that pipe it writes the child's process id, and the exit code once the child has ended.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import grid_datastores

NUMBER = struct.Struct("i")
DESCRIPTORS = 4  # standard input, output and error, and the pipe
_LINE = 1024 * 1024  # bytes read at once
_OF_A_SERVER = "grid_datastores.server"
# What commands import when they need it.
_LIBRARIES = (
    "sqlalchemy.dialects.sqlite",
    "encodings.ascii",
    "httpx",
    "wcwidth",
)


class _Loaded:
    """The children that live, by process id, with the pipe that hears of their end."""

    def __init__(self, asked: socket.socket) -> None:
        self._asked = asked
        self._ends: dict[int, int] = {}
        self._woken, self._wakes = socket.socketpair()
        self._woken.setblocking(False)
        self._wakes.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._serves = False

    def serve(self) -> dict[str, Any] | None:
        """Fork for each command; returns the command in a child, and None at the end."""
        signal.set_wakeup_fd(self._wakes.fileno())
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
        self._selector.register(self._asked, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    self._woken.recv(_LINE)
                    self._reap()
                elif not (received := _receive(self._asked)):
                    return self._end()
                elif command := self._fork(*received):
                    return command

    def _fork(self, command: dict[str, Any], descriptors: list[int]) -> dict[str, Any] | None:
        if command["words"][:1] == ["serve"] and not self._serves:
            self._serves = True
            _load(_OF_A_SERVER)
        *streams, pipe = descriptors
        if (child := os.fork()) == 0:
            self._leave(pipe)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            return command
        for stream in streams:
            os.close(stream)
        self._ends[child] = pipe
        _tell(pipe, child)
        return None

    def _reap(self) -> None:
        while self._ends:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            pipe = self._ends.pop(child)
            _tell(pipe, os.waitstatus_to_exitcode(status))
            os.close(pipe)

    def _leave(self, own: int) -> None:
        """In a child: have nothing to do with the other children, and with who asks."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for each in (self._asked, self._woken, self._wakes):
            each.close()
        for pipe in (own, *self._ends.values()):
            os.close(pipe)

    def _end(self) -> None:
        for child in self._ends:
            os.kill(child, signal.SIGKILL)


def _tell(pipe: int, number: int) -> None:
    with suppress(OSError):  # nobody waits for it any more
        os.write(pipe, NUMBER.pack(number))


def _receive(asked: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """A command and its descriptors; None where nobody asks any more."""
    line, descriptors, _, _ = socket.recv_fds(asked, _LINE, DESCRIPTORS)
    while line and not line.endswith(b"\n"):
        line += asked.recv(_LINE)
    return (json.loads(line), descriptors) if line else None


def _load(*names: str) -> None:
    """Import these packages with all their modules, and let no child look at them for garbage."""
    for name in names:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(getattr(package, "__path__", []), f"{name}."):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


def _become(command: dict[str, Any], program: Callable[[], object]) -> None:
    """Be the executable from now on; end as it does, but do not take all the modules apart."""
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["environment"])
    time.tzset()
    code = 1

    def end() -> None:
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            os._exit(120)
        os._exit(code)

    atexit.register(end)  # the first that is registered is the last that is called
    sys.argv = [command["grid"], *command["words"]]
    try:
        program()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        raise


def main(edition: str) -> None:
    """Load, an edition first if there is one, then fork until nobody asks any more."""
    program = runpy.run_path(edition, run_name="loaded")["main"] if edition else _run_executable
    asked = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    names = [module.name for module in pkgutil.iter_modules(grid_datastores.__path__, "grid_datastores.")]
    _load(*(name for name in names if name != _OF_A_SERVER), *_LIBRARIES)
    if command := _Loaded(asked).serve():
        _become(command, program)


def _run_executable() -> None:
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1])
