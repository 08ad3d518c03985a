"""Python in forked children of a process that has loaded its modules once.

A child is as isolated as a process of its own: whatever it imports, registers or patches ends with it. It starts in
milliseconds, as the modules are there already.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

TESTS = Path(__file__).parent


@dataclass(frozen=True)
class _Job:
    """Code to run as `python -c CODE ARGUMENT…`, and the files that take what it prints."""

    code: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    folder: str
    stdout: str
    stderr: str


class Forked:
    """A process that has run `load`, and runs each job in a forked child."""

    def __init__(self, load: str, folder: Path = TESTS) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), load],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, code: str, *arguments: str, folder: Path = TESTS, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """How `python -c CODE ARGUMENT…` ends in this folder, and what it prints."""
        assert self._process.stdin
        assert self._process.stdout
        with TemporaryDirectory() as printed:
            out, err = Path(printed, "stdout"), Path(printed, "stderr")
            job = _Job(code, arguments, dict(environment or os.environ), str(folder), str(out), str(err))
            print(json.dumps(asdict(job)), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
            assert answer, "The process that forks the children has ended; its error is above."
            return subprocess.CompletedProcess(code, int(answer), out.read_text("utf-8"), err.read_text("utf-8"))

    def close(self) -> None:
        """End the process; `contextlib.closing` calls it."""
        self._process.communicate()


def _serve(load: str, jobs: TextIO, answers: TextIO) -> None:
    """Run `load`, then answer each job with the exit code of its child."""
    sys.path[0] = ""  # as `python -c` has it: the folder that the child works in
    exec(load, {"__name__": "__load__"})
    gc.freeze()
    for line in jobs:
        if (child := os.fork()) == 0:
            _run(_Job(**json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers, flush=True)


def _run(job: _Job) -> None:
    """Run a job in this process, and end it with the job's exit code."""
    _redirect(0, os.devnull, os.O_RDONLY)
    _redirect(1, job.stdout, os.O_WRONLY | os.O_CREAT)
    _redirect(2, job.stderr, os.O_WRONLY | os.O_CREAT)
    os.chdir(job.folder)
    os.environ.clear()
    os.environ.update(job.environment)
    sys.argv = ["-c", *job.arguments]
    code = _exit_code(job.code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # without taking apart all the modules, which would copy the memory that is shared so far


def _exit_code(code: str) -> int:
    """Run the code; the exit code that `python -c` would end with, after the same words on standard error."""
    try:
        exec(code, {"__name__": "__main__"})
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _redirect(descriptor: int, path: str, flags: int) -> None:
    opened = os.open(path, flags, 0o600)
    os.dup2(opened, descriptor)
    os.close(opened)


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what `load` prints is no answer
    _serve(sys.argv[1], sys.stdin, answers)
