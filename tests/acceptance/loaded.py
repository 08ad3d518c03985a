"""A process with the modules of `grid` loaded, which forks itself for each command that it is asked to be.

It is asked over a socket: a line of JSON, with the descriptors of the standard streams and of a pipe. Into that pipe it
writes the child's process id, and the exit code once the child has ended. The standard streams of a child have the
encoding that this process was started with; those that were closed then are closed in the child.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import logging
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import struct
import sys
import time
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import create_engine

import grid_datastores
from grid_datastores.catalog import database
from grid_datastores.cli.main import cli
from grid_datastores.system import streams

NUMBER = struct.Struct("i")
_STREAMS = range(3)  # standard input, output and error
_DESCRIPTORS = 4  # theirs, and that of the pipe
_LINE = 1024 * 1024  # bytes read at once
_OF_UVICORN = (  # which it imports by name when it starts
    "anyio._backends._asyncio",
    "uvicorn.lifespan.off",
    "uvicorn.loops.asyncio",
    "uvicorn.protocols.http.h11_impl",
    "uvicorn.protocols.websockets.auto",
)
_OF_A_SERVER = "grid_datastores.server"
# Commands, with the options that most have; they find each other's versions.
_COMMON = (
    "datastore create {folder}/warm.csv --name warm",
    "session create warm --datastore_name warm --datastore_version 1",
    "datastore",
    "datastore show --name warm --version 1 -o json",
    "datastore download --name warm --version 1 --to {folder}/warm",
    "status --all -o json",
    "session list -o json",
    "session delete warm",
    "datastore delete --name warm --version 1",
)
# What commands import when they need it.
_LIBRARIES = (
    "sqlalchemy.dialects.sqlite",
    "encodings.ascii",
    "encodings.idna",
    "httpx",
    "httpcore._api",  # not its HTTP/2, which needs a package more
    "wcwidth",
)


class _Loaded:
    """The children that live, by process id, with the pipe that hears of their end."""

    def __init__(self, asked: socket.socket, closed: list[int]) -> None:
        self._asked = asked
        self._closed = closed
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
            _load_server()
        *streams, pipe = descriptors
        if (child := os.fork()) == 0:
            self._leave(pipe)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            for number in self._closed:
                os.close(number)
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
    line, descriptors, _, _ = socket.recv_fds(asked, _LINE, _DESCRIPTORS)
    while line and not line.endswith(b"\n"):
        line += asked.recv(_LINE)
    return (json.loads(line), descriptors) if line else None


def _load(*names: str) -> None:
    """Import these packages with all their modules, and let no child look at them for garbage."""
    for name in names:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(getattr(package, "__path__", []), f"{name}."):
            importlib.import_module(module.name)
    _keep_from_collection()


def _share_statements() -> None:
    """Let the catalogs of all children share a dialect, and the statements that warming up has compiled for it.

    SQLAlchemy has both for each engine. To compile the statements takes a quarter of a command's time.
    """
    first, compiled = create_engine("sqlite://"), dict[Any, Any]()
    first.connect().close()  # which tells the dialect about SQLite

    def create(*given: Any, **named: Any) -> Any:
        engine = create_engine(*given, **named, execution_options={"compiled_cache": compiled})
        engine.dialect = first.dialect
        return engine

    database.create_engine = create


def _warm_up() -> None:
    """Do once what most commands do: their children inherit what libraries work out at its first use.

    A child takes two thirds of the time. It inherits no signal handler, no logging, and no file.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with TemporaryDirectory() as folder, redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        os.environ |= {"GRID_DIR": folder, "HOME": folder, "LOGNAME": "warm"}
        Path(folder, "warm.csv").write_text("species,island\n")
        for line in _COMMON:
            cli.main(line.format(folder=folder).split(), "grid", standalone_mode=False)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    logging.getLogger().handlers.clear()
    logging.getLogger(grid_datastores.__name__).setLevel(logging.NOTSET)
    _keep_from_collection()


def _keep_from_collection() -> None:
    """Let no child look for garbage among the objects that exist so far."""
    gc.collect()
    gc.freeze()


def _load_server() -> None:
    """Import what a server imports, and compile the templates of its pages."""
    pages = importlib.import_module("grid_datastores.server.ui.pages")
    for name in pages._templates.list_templates():
        pages._templates.get_template(name)
    _load(_OF_A_SERVER, *_OF_UVICORN)


def _become(command: dict[str, Any]) -> None:
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
    sys.modules["__main__"].__package__ = ""  # else click calls the program `python -m acceptance.grid`
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        raise


def main(asked: str, *first: str) -> None:
    """Load, and warm up if the word `warm` follows; then fork until nobody asks any more."""
    if sys.getfilesystemencoding() != "utf-8":
        streams._restart_in_utf8_mode()  # as `grid` does
    closed = _closed()
    names = [module.name for module in pkgutil.iter_modules(grid_datastores.__path__, "grid_datastores.")]
    _load(*(name for name in names if name != _OF_A_SERVER), *_LIBRARIES)
    if first == ("warm",):
        _share_statements()
        _warm_up()
    if command := _Loaded(socket.socket(fileno=int(asked)), closed).serve():
        _become(command)


def _closed() -> list[int]:
    """The standard streams that this process was started without; from now on nothing else takes their numbers."""
    found = []
    for number in _STREAMS:
        try:
            os.fstat(number)
        except OSError:
            found.append(os.open(os.devnull, os.O_RDWR))  # the lowest number that is free, which is this one
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
