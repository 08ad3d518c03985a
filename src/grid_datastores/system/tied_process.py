"""Start a command that the kernel kills when this process dies, even by SIGKILL."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Runs in the new process, which then becomes the command. `prctl` needs no privileges; other systems do not have it.
# The parent may have died before the call, so it is compared. An error of `exec` goes through the pipe to the parent.
# Python ignores two signals and turns Ctrl-C into a traceback. The command gets the defaults, as from any shell.
_LAUNCHER = """
import os, signal, sys
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
for number in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(number, signal.SIG_DFL)
import ctypes
parent, pipe, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
PR_SET_PDEATHSIG = 1
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
os.set_inheritable(pipe, False)
try:
    os.execv(program, sys.argv[3:])
except OSError as error:
    os.write(pipe, str(error.errno).encode())
"""


def start_tied(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the command, whose first word is the path of its program. Raises `OSError` if it cannot be executed.

    On Linux, the kernel kills the command when the calling thread ends, so call this in the main thread. Processes that
    the command starts are not killed with it.
    """
    reading, writing = os.pipe()
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), str(writing), *command]
    try:
        process = subprocess.Popen(launcher, env=environment, pass_fds=(writing,))  # noqa: S603 - what the user typed
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    with os.fdopen(reading) as pipe:
        if failed := pipe.read():
            process.wait()
            raise OSError(int(failed), os.strerror(int(failed)), command[0])
    return process
