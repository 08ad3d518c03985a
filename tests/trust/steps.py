"""A `grid` that is killed at a durable step: where a file is synced, named or erased, or a transaction commits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from reliability.faults import prepared
from trust.machines import planted_code

_DIES_AT_A_STEP = """
import os, signal
from sqlalchemy.engine.default import DefaultDialect
armed, taken = {armed!r}, []
def step(real):
    def steps(*given, **named):
        try:
            descriptor = os.open(armed, os.O_RDONLY)
        except FileNotFoundError:
            return real(*given, **named)
        number, after = map(int, os.read(descriptor, 100).split())
        os.close(descriptor)
        taken.append(None)
        last = len(taken) >= number
        if last and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        done = real(*given, **named)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    return steps
for name in ("fsync", "replace", "rename", "link", "unlink", "rmdir", "mkdir"):
    setattr(os, name, step(getattr(os, name)))
DefaultDialect.do_commit = step(DefaultDialect.do_commit)
"""


@dataclass
class Steps:
    """Kills the processes of its `grid` at a step, before or after it, once it is armed."""

    folder: Path

    def __post_init__(self) -> None:
        self._armed = self.folder / "armed"
        self.grid = prepared(self.folder, planted_code(), _DIES_AT_A_STEP.format(armed=str(self._armed)))

    def arm(self, random: Random, most: int) -> None:
        """Let a process die at one of its next steps."""
        new = self._armed.with_suffix(".new")
        new.write_text(f"{int(random.triangular(1, most, 1))} {random.randint(0, 1)}")
        new.rename(self._armed)

    def disarm(self) -> None:
        """Let the next processes live."""
        self._armed.unlink(missing_ok=True)
