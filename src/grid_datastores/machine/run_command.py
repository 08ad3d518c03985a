"""Running a command here as a Run: it holds its version while it lives, by a lease that a heartbeat renews."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import InvalidInput, NotFound, NotThatState, Refusal
from grid_datastores.domain.model import Phase, WorkloadKind, WorkloadState
from grid_datastores.machine.leftovers import erase_copies
from grid_datastores.machine.mounts import mount_folder, mounted, unmount
from grid_datastores.settings import DEFAULT_LEASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from types import FrameType

    from grid_datastores.domain.model import Version, VersionRef, Workload
    from grid_datastores.gateway.protocol import Datastores

_BEATS = 4  # heartbeats a lease: three may be lost
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
    """Run the command with the version mounted, as the Run of this name; answers the command's exit code.

    {NAME} in it stands for the folder of the version, and GRID_DATASTORE_NAME in its environment says it, too.
    `progress` shows the mounting of so many bytes, `warn` a sentence. Raises `InvalidInput` for a command that cannot
    be run; one that is in the version can only be looked for once that is mounted.
    """
    placeholder = f"{{{ref.name}}}"
    if placeholder not in command[0]:
        _program(command[0])
    place = Path(os.path.realpath(directory))  # told to others, and to the command
    version = _find(datastores, place, ref)
    folder = mount_folder(place, version)
    run = datastores.start(WorkloadKind.RUN, name, {ref: str(folder)}, leased=True)
    code = 1
    try:
        with _heart(datastores, run, warn), ExitStack() as mounts:
            with progress(version.size_bytes) as advance:
                mounts.enter_context(mounted(datastores, place, version, advance))
            first, *arguments = (word.replace(placeholder, str(folder)) for word in command)
            code = _execute([_program(first), *arguments], {_variable(ref.name): str(folder)})
    finally:
        _end(datastores, run, WorkloadState.SUCCEEDED if code == 0 else WorkloadState.FAILED, warn)
        if _is_gone(datastores, ref):
            unmount(place, version.id)
    return code


def _program(word: str) -> str:
    """The path of the program. Raises `InvalidInput` where there is none."""
    if program := shutil.which(word):
        return program
    why = "it is not executable" if Path(word).is_file() else "there is no such command"
    raise InvalidInput(f"{word!r} cannot be run: {why}.")


def _find(datastores: Datastores, directory: Path, ref: VersionRef) -> Version:
    """The version. What this machine has of one that is deleted is erased (rule delete-removes-bytes)."""
    try:
        version = datastores.find(ref)
    except NotFound:  # as a server says of a deleted one that keeps no record of it
        erase_copies(directory, datastores, ref)
        raise
    if version.phase is Phase.DELETED:
        unmount(directory, version.id)
    return version


def _is_gone(datastores: Datastores, ref: VersionRef) -> bool:
    """Whether the version was deleted while the command lived, as it can be when the Run lost its hold."""
    try:
        return datastores.find(ref).phase is Phase.DELETED
    except NotFound:
        return True
    except Refusal:  # it cannot be asked now; what is left is cleared away by `grid datastore clearcache`
        return False


def _variable(name: str) -> str:
    return f"GRID_DATASTORE_{re.sub('[^A-Z0-9]', '_', name.upper())}"


def _execute(command: Sequence[str], environment: dict[str, str]) -> int:
    """The exit code of the command; 128 and the signal's number when a signal ended it, as shells say."""
    with subprocess.Popen(command, env=os.environ | environment) as process:  # noqa: S603 - what the user typed

        def forward(number: int, _frame: FrameType | None) -> None:
            process.send_signal(number)

        # At a terminal, Ctrl-C reaches the command by itself.
        interrupt = signal.SIG_IGN if sys.stdin.isatty() else forward
        before = {number: signal.signal(number, forward) for number in _FORWARDED}
        before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
        try:
            code = process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return code if code >= 0 else 128 - code


@contextmanager
def _heart(datastores: Datastores, run: Workload, warn: Callable[[str], object]) -> Iterator[None]:
    """Renew the Run's lease from a thread, four times a lease."""
    lease = run.lease_seconds or DEFAULT_LEASE  # another server may not tell
    stopped = threading.Event()

    def beat() -> None:
        while not stopped.wait(lease / _BEATS):
            try:
                datastores.heartbeat(run)
            except (NotThatState, NotFound) as error:  # it was ended, or given up for dead
                versions = ", ".join(str(mount.ref) for mount in run.mounts)
                warn(f"{error.message} From now on {versions} may be deleted while its command reads it.")
                return
            except Exception:  # noqa: S112 - whatever it was, the next beat may get through
                continue

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
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
        warn(f"The Run's end could not be told: {error.message}")
