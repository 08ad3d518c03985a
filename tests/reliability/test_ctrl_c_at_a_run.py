"""Ctrl-C at the terminal of a Run reaches its command once, wherever the standard streams lead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from reliability.machine import Machine, Said, finished, folder_of, interrupt

# Leaves the group that the terminal interrupts, so that only `grid` can interrupt it; its child stays and says when.
_COMMAND = """
import os, signal
seen = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, seen)
child = os.fork()
if not child:
    signal.sigwait(seen)
    os.write(1, b"Ctrl-C\\n")
    os._exit(0)
os.setpgid(0, 0)
os.write(1, b"began\\n")
while signal.sigwait(seen) != signal.SIGTERM:
    os.write(1, b"interrupted\\n")
os.kill(child, signal.SIGKILL)
os.write(1, b"ended\\n")
os._exit(3)
"""
# Begins a session with this terminal, as the program of a new window does.
_AT_TERMINAL = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(int(sys.argv[1]), termios.TIOCSCTTY, 0); "
_AT_TERMINAL += "os.execv(sys.argv[2], sys.argv[2:])"


@pytest.mark.parametrize("way", ["Ctrl-C", "a signal"])
def test_ctrl_c_is_left_to_the_terminal_and_a_signal_is_passed_on(embedded: Machine, way: str) -> None:
    """The standard input is no terminal."""
    assert embedded.create(folder_of(embedded.home, {"a.txt": b"hello"})) == 1
    words = ["run", "--name=r", "--datastore_name=data", "--datastore_version=1", "--", sys.executable, "-c", _COMMAND]
    ours, theirs = os.openpty()
    prefix = [sys.executable, "-c", _AT_TERMINAL, str(theirs)] if way == "Ctrl-C" else ["setsid"]
    with subprocess.Popen(
        [*prefix, embedded.grid, *words],
        cwd=embedded.home,
        env=embedded.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(theirs,),
        text=True,
    ) as run:
        try:
            assert run.stdout
            assert run.stdout.readline() == "began\n"
            if way == "Ctrl-C":
                os.write(ours, b"\x03")
                assert run.stdout.readline() == "Ctrl-C\n"
            else:
                run.send_signal(signal.SIGINT)
                assert run.stdout.readline() == "interrupted\n"
            interrupt(run, signal.SIGTERM)  # passed on after any other signal
            assert finished(run) == Said(3, "ended\n", "")
        finally:
            run.kill()
            os.close(ours)
            os.close(theirs)


def test_a_program_that_the_system_cannot_execute_is_refused_with_advice(embedded: Machine) -> None:
    assert embedded.create(folder_of(embedded.home, {"a.txt": b"hello"})) == 1
    lines = {
        "#!/no/such/interpreter\n": "the interpreter that its first line names does not exist",
        "echo\n": "#!/bin/sh",
    }
    for line, why in lines.items():
        program = embedded.home / "my program"
        program.write_text(line)
        program.chmod(0o755)
        said = embedded.run("run", "--name=r", "--datastore_name=data", "--datastore_version=1", "--", str(program))
        said.refused("cannot be run", why, f"Name its interpreter first, for example: sh '{program}'", code=2)
    folder = embedded.run(
        "run", "--name=r", "--datastore_name=data", "--datastore_version=1", "--", f"{embedded.home}/"
    )
    folder.refused("cannot be run: it is a folder. Check its spelling, or give its path.", code=2)
    embedded.run("datastore", "delete", "--name=data", "--version=1").done()
