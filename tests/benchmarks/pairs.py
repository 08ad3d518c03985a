"""Rows of the table: what is timed, against what, and the bound that the design sets."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. `ours` and `peer` return seconds, or nothing if the whole call is to be timed.

    `before_ours` and `before_peer` prepare each round and are not timed.
    """

    name: str
    ours: Callable[[], float | None]
    peer: Callable[[], float | None]
    what: str
    against: str
    bound: float  # the largest wanted ratio of our time to the peer's
    before_ours: Callable[[], object] = nothing
    before_peer: Callable[[], object] = nothing
    rounds: int = 3
    further: Mapping[str, float] = field(default_factory=dict)  # what `ours` tells besides its time, by name


@dataclass(frozen=True)
class Figures:
    """The times of one row in seconds, in the order of the rounds, and further figures by name."""

    name: str
    what: str
    against: str
    bound: float
    ours: list[float]
    peer: list[float]
    further: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Our median time, divided by the peer's."""
        return statistics.median(self.ours) / statistics.median(self.peer)

    @property
    def holds(self) -> bool:
        """Whether the ratio is within its bound."""
        return self.ratio <= self.bound

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest ratio of one round's pair."""
        ratios = [ours / peer for ours, peer in zip(self.ours, self.peer, strict=True)]
        return min(ratios), max(ratios)


def measure(row: Row) -> Figures:
    """Time both by turns, so that a change of the machine's load falls on both."""
    ours, peer = [], []
    for _ in range(row.rounds):
        row.before_peer()
        peer.append(seconds(row.peer))
        row.before_ours()
        ours.append(seconds(row.ours))
    return Figures(row.name, row.what, row.against, row.bound, ours, peer, row.further)


def seconds(work: Callable[[], float | None]) -> float:
    """Return what the work says that it took, or what it took as a whole."""
    begin = time.perf_counter()
    said = work()
    return time.perf_counter() - begin if said is None else said


def run(*command: str, **environment: str) -> None:
    """Run a command, without its output. It has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed with exit code {done.returncode}:\n{done.stderr[-2000:]}")


def command(*words: str, **environment: str) -> Callable[[], None]:
    """Return a function that runs this command."""
    return lambda: run(*words, **environment)
