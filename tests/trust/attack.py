"""What an attack is, and the figures that it returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Figures:
    """What one run of an attack did, by what is counted, and an account of each fault that it found."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def count(self, what: str, number: int = 1) -> None:
        """Count what was done, or what was found."""
        self.counts[what] += number

    def fault(self, kind: str, account: str) -> None:
        """Record a fault of a kind that the page counts."""
        self.counts[kind] += 1
        self.faults.append(f"{kind}: {account}")

    def check(self, holds: bool, kind: str, account: str) -> None:
        """Record a fault unless this holds."""
        if not holds:
            self.fault(kind, account)

    @contextmanager
    def checking(self, kind: str, what: str) -> Iterator[None]:
        """Record a fault if an assertion of the tests fails meanwhile."""
        try:
            yield
        except AssertionError as error:
            self.fault(kind, f"{what}: {error}")


@dataclass(frozen=True)
class Attack:
    """One kind of attack. A budget counts the `unit`: how many of these a run tries, at least."""

    name: str
    target: str  # what is attacked, for readers
    unit: str
    never: tuple[str, ...]  # the kinds of faults, which the page shows with their counts
    run: Callable[[int, int], Figures]  # of a budget and a seed
    bounded: int  # the budget in the gate
    long: int  # the budget of `make trust`
    parts: int = 1  # into how many runs `make trust` divides the long budget
    needs: Callable[[], str] = lambda: ""  # returns what this machine lacks, or ""

    def command(self, budget: int, seed: int) -> str:
        """The command that repeats a run."""
        return f"make trust ATTACKS={self.name} BUDGET={budget} SEED={seed}"
