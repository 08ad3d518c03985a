"""Commands without the time that a process takes to load itself.

What a scenario is about is typed as a person types it: a process that loads itself. All other commands of the tests,
servers too, run the same executable in a process that is forked from one with its modules loaded, which takes a fifth
of the time: it is killed, interrupted and waited for as any other. So are an edition and a fault of
tests/reliability/faults.py: each names what it replaces where it is looked up. Which commands of a scenario are typed
as a person types them is decided in `acceptance.typed`.
"""

from __future__ import annotations

import atexit
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from acceptance import executables
from acceptance.loaded import NUMBER

_PATIENCE = 120  # seconds
_CHUNK = 65536  # bytes
_running: dict[tuple[str, ...], _Loaded] = {}  # by prefix


def run(
    grid: str, words: tuple[str, ...], environment: Mapping[str, str], folder: Path, **how: Any
) -> subprocess.CompletedProcess[str]:
    """What this command says, typed in this folder."""
    with start(grid, words, environment, folder, **how) as process:
        try:
            out, err = process.communicate(timeout=_PATIENCE)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(words, process.wait(), out, err)


def start(
    grid: str,
    words: tuple[str, ...],
    environment: Mapping[str, str],
    folder: Path,
    *,
    prefix: tuple[str, ...] = (),
    stdin: Any = subprocess.DEVNULL,
    stdout: Any = subprocess.PIPE,
    stderr: Any = subprocess.PIPE,
    encoding: str = "utf-8",
) -> Process | subprocess.Popen[str]:
    """A command that is under way. The prefix is a command that changes how a process begins, or what it may do."""
    if executables.can_be_loaded(grid):
        loaded = _loaded(prefix)
        return loaded.start([grid, *words], environment, folder, encoding, (stdin, stdout, stderr))
    return type_in(
        grid, words, environment, folder, prefix=prefix, stdin=stdin, stdout=stdout, stderr=stderr, encoding=encoding
    )


def type_in(
    grid: str,
    words: tuple[str, ...],
    environment: Mapping[str, str],
    folder: Path,
    *,
    prefix: tuple[str, ...] = (),
    stdin: Any = subprocess.DEVNULL,
    stdout: Any = subprocess.PIPE,
    stderr: Any = subprocess.PIPE,
    encoding: str = "utf-8",
) -> subprocess.Popen[str]:
    """The same, in a process that loads itself."""
    return subprocess.Popen(
        [*prefix, grid, *words],
        cwd=folder,
        env=environment,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        encoding=encoding,
    )


class Process:
    """A forked process, with what the tests use of `subprocess.Popen`."""

    def __init__(self, args: list[str], end: socket.socket, streams: list[IO[str] | None]) -> None:
        self.args = args
        self.returncode: int | None = None
        self.stdin, self.stdout, self.stderr = streams
        self._end = end
        self.pid = self._number(_PATIENCE)

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended."""
        if self.returncode is None:
            self.returncode = self._number(timeout)
            self._end.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str | None, str | None]:
        """What it has printed and nobody has read yet, once it has ended."""
        self._close(self.stdin)
        said: dict[IO[str], bytes] = {stream: b"" for stream in (self.stdout, self.stderr) if stream}
        with selectors.DefaultSelector() as selector:
            for stream in said:
                if not stream.closed:  # as it is when this is asked again
                    selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                if not (ready := selector.select(timeout)):
                    raise subprocess.TimeoutExpired(self.args, timeout or 0)
                for key, _ in ready:
                    chunk = os.read(key.fd, _CHUNK)
                    said[key.fileobj] += chunk
                    if not chunk:
                        selector.unregister(key.fileobj)
        self.wait(timeout)
        self._close(*said)
        out, err = (_text(stream, said[stream]) if stream else None for stream in (self.stdout, self.stderr))
        return out, err

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(self.stdin, self.stdout, self.stderr)
        self.wait()

    def _number(self, timeout: float | None) -> int:
        """The next number that the loaded process writes: the process id, then the exit code."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._end, selectors.EVENT_READ)
            if not selector.select(timeout):
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
        number = self._end.recv(NUMBER.size)
        assert number, f"The loaded process is not there any more: {self.args}"
        return int(NUMBER.unpack(number)[0])

    def _close(self, *streams: IO[str] | None) -> None:
        for stream in streams:
            if stream:
                with suppress(BrokenPipeError):
                    stream.close()


def _text(stream: IO[str], printed: bytes) -> str:
    return printed.decode(stream.encoding).replace("\r\n", "\n").replace("\r", "\n")


class _Loaded:
    """The process that forks; it ends with the one that started it."""

    def __init__(self, prefix: tuple[str, ...]) -> None:
        self._one_at_a_time = threading.Lock()
        self._asks, asked = socket.socketpair()
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(executables.TESTS)}
        command = [*prefix, sys.executable, "-m", "acceptance.loaded", str(asked.fileno())]
        if not prefix:  # which can take away what warming up needs
            command.append("warm")
        with asked:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[asked.fileno()],
                start_new_session=True,
            )
        atexit.register(self.end)

    def start(
        self, args: list[str], environment: Mapping[str, str], folder: Path, encoding: str, streams: tuple[Any, ...]
    ) -> Process:
        ours, theirs = zip(*(_stream(number, given, encoding) for number, given in enumerate(streams)), strict=True)
        end, told = socket.socketpair()
        grid, *words = args
        command = {"grid": grid, "words": words, "environment": dict(environment), "folder": str(folder)}
        line = json.dumps(command).encode() + b"\n"
        try:
            with self._one_at_a_time:
                sent = socket.send_fds(self._asks, [line], [*theirs, told.fileno()])
                self._asks.sendall(line[sent:])
        finally:
            told.close()
            for number, given in zip(theirs, streams, strict=True):
                if number != given:
                    os.close(number)
        return Process(args, end, list(ours))

    def end(self) -> None:
        """Let it go, with all that it is at: nothing more will be typed."""
        atexit.unregister(self.end)
        self._asks.close()
        self._process.wait(_PATIENCE)


def _stream(number: int, given: Any, encoding: str) -> tuple[IO[str] | None, int]:
    """Our side of a standard stream, if we have one, and the descriptor of the other side."""
    if given == subprocess.DEVNULL:
        return None, os.open(os.devnull, os.O_RDWR)
    if given != subprocess.PIPE:
        return None, given if isinstance(given, int) else os.dup(given.fileno())
    read, write = os.pipe()
    if number == 0:
        return os.fdopen(write, "w", encoding=encoding), read
    return os.fdopen(read, encoding=encoding), write


def _loaded(prefix: tuple[str, ...]) -> _Loaded:
    if prefix not in _running:
        _running[prefix] = _Loaded(prefix)
    return _running[prefix]


def load() -> None:
    """Load now: what is forked from this process later starts its commands without waiting for that."""
    _loaded(())


def load_anew() -> None:
    """Share the loaded process of the parent no more: it can be asked by one process at a time."""
    _running.clear()


def end_those_with_a_prefix() -> None:
    """Let go of the loaded processes that began in a way of their own."""
    for prefix in [prefix for prefix in _running if prefix]:
        _running.pop(prefix).end()
