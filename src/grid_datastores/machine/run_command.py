"""Run a command on this machine as a Run, which holds its version with a lease that heartbeats renew."""

from __future__ import annotations

import errno
import os
import re
import shlex
import shutil
import signal
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import InvalidInput, NotFound, NotThatState, Refusal
from grid_datastores.domain.model import Phase, WorkloadKind, WorkloadState
from grid_datastores.domain.text import os_reason
from grid_datastores.machine.leftovers import erase_copies
from grid_datastores.machine.mounts import mount_folder, mounted, unmount
from grid_datastores.settings import DEFAULT_LEASE
from grid_datastores.system.signals import in_foreground
from grid_datastores.system.tied_process import start_tied

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from types import FrameType

    from grid_datastores.domain.model import Version, VersionRef, Workload
    from grid_datastores.gateway.protocol import Datastores

_HEARTBEATS_PER_LEASE = 4  # so that three in a row can fail
_FORWARDED = (signal.SIGTERM, signal.SIGHUP)


def run_command(
    datastores: Datastores,
    directory: Path,
    name: str,
    ref: VersionRef,
    command: Sequence[str],
    progress: Callable[[int], AbstractContextManager[Callable[[int], object]]],
    warn: Callable[[str], object],
) -> int:
    """Mount the version, run the command as a Run with this name, and return the command's exit code.

    `{NAME}` in the command is replaced by the version's folder, which is also in the environment variable
    GRID_DATASTORE_NAME. `progress` shows a progress bar for the given number of bytes, `warn` prints a sentence.
    Raises `InvalidInput` if the program cannot be found or is not executable. A program inside the version is only
    checked after the version is mounted.
    """
    placeholder = f"{{{ref.name}}}"
    if placeholder not in command[0]:
        _find_program(command[0])
    # The list of Runs shows this path and the command receives it, so it must be absolute and without links.
    real_directory = Path(os.path.realpath(directory))
    version = _find_version(datastores, real_directory, ref)
    folder = mount_folder(real_directory, version)
    run = datastores.start(WorkloadKind.RUN, name, {ref: str(folder)}, leased=True)
    code = 1
    try:
        with _heartbeats(datastores, run, warn), ExitStack() as mounts:
            with progress(version.size_bytes) as advance:
                mounts.enter_context(mounted(datastores, real_directory, version, advance))
            program, *arguments = (argument.replace(placeholder, str(folder)) for argument in command)
            code = _execute([_find_program(program), *arguments], {_variable(ref.name): str(folder)})
    finally:
        _end(datastores, run, WorkloadState.SUCCEEDED if code == 0 else WorkloadState.FAILED, warn)
        if _is_deleted(datastores, ref):
            unmount(real_directory, version.id)
    return code


def _find_program(name: str) -> str:
    """Return the program's path. Raises `InvalidInput` if it does not exist or is not executable."""
    if program := shutil.which(name):
        return program
    path = Path(name)
    if path.is_file():
        raise InvalidInput(f"{name!r} cannot be run: it is not executable. {_name_interpreter(name)}")
    reason = "it is a folder" if "/" in name and path.is_dir() else "there is no such command"
    raise InvalidInput(f"{name!r} cannot be run: {reason}. Check its spelling, or give its path.")


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the command. Raises `InvalidInput` if the system cannot execute its program."""
    try:
        return start_tied(command, environment)
    except OSError as error:
        name, reason = command[0], os_reason(error)
        if error.errno in (errno.ENOEXEC, errno.ENOENT):  # the program exists, so its interpreter does not
            reason = "it does not begin with a line that names its interpreter, such as #!/bin/sh"
            if error.errno == errno.ENOENT:
                reason = "the interpreter that its first line names does not exist"
            raise InvalidInput(f"{name!r} cannot be run: {reason}. {_name_interpreter(name)}") from error
        raise InvalidInput(f"{name!r} cannot be run: {reason}. Correct this, then try again.") from error


def _name_interpreter(name: str) -> str:
    return f"Name its interpreter first, for example: sh {shlex.quote(name)}"


def _find_version(datastores: Datastores, directory: Path, ref: VersionRef) -> Version:
    """Return the version. If it is deleted, erase this machine's copy (rule delete-removes-bytes)."""
    try:
        version = datastores.find(ref)
    except NotFound:  # some servers keep no record of deleted versions
        erase_copies(directory, datastores, ref)
        raise
    if version.phase is Phase.DELETED:
        unmount(directory, version.id)
    return version


def _is_deleted(datastores: Datastores, ref: VersionRef) -> bool:
    """Return whether the version was deleted during the Run, which is possible after the Run's lease has expired."""
    try:
        return datastores.find(ref).phase is Phase.DELETED
    except NotFound:
        return True
    except Refusal:  # unknown; a later command or `grid datastore clearcache` removes the copy
        return False


def _variable(name: str) -> str:
    return f"GRID_DATASTORE_{re.sub('[^A-Z0-9]', '_', name.upper())}"


def _execute(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run the command and return its exit code, or 128 plus the signal's number if a signal ended it.

    The command ends with this process, as nobody would then hold the version that it reads.
    """
    with _start(command, os.environ | environment) as process:

        def forward(number: int, _frame: FrameType | None) -> None:
            process.send_signal(number)

        def forward_interrupt(number: int, frame: FrameType | None) -> None:
            # A terminal sends Ctrl-C to the command, too, so forwarding it would interrupt the command twice.
            if not in_foreground():
                forward(number, frame)

        before = {number: signal.signal(number, forward) for number in _FORWARDED}
        before[signal.SIGINT] = signal.signal(signal.SIGINT, forward_interrupt)
        try:
            code = process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return code if code >= 0 else 128 - code


@contextmanager
def _heartbeats(datastores: Datastores, run: Workload, warn: Callable[[str], object]) -> Iterator[None]:
    """Send heartbeats from a thread until the context ends. Warn once if the Run has ended or its lease expired."""
    lease = run.lease_seconds or DEFAULT_LEASE  # other servers may send no lease
    stopped = threading.Event()

    def send_heartbeats() -> None:
        while not stopped.wait(lease / _HEARTBEATS_PER_LEASE):
            try:
                datastores.heartbeat(run)
            except (NotThatState, NotFound) as error:  # the Run was cancelled, or its lease expired
                versions = ", ".join(str(mount.ref) for mount in run.mounts)
                warn(f"{error.message} Its command continues, but {versions} can be deleted while the command runs.")
                return
            except Exception:  # noqa: S112 - the next heartbeat may succeed
                continue

    thread = threading.Thread(target=send_heartbeats, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _end(datastores: Datastores, run: Workload, state: WorkloadState, warn: Callable[[str], object]) -> None:
    try:
        datastores.end(run, state)
    except Refusal as error:
        warn(f"The end of the Run could not be recorded: {error.message}")
