"""Each attack with a small budget and a fresh seed. A failure prints the command that repeats it."""

from __future__ import annotations

import pytest

from trust.catalogue import BY_NAME
from trust.seeds import fresh_seed


def _attack(name: str) -> None:
    attack, seed = BY_NAME[name], fresh_seed()
    if lacks := attack.needs():
        pytest.skip(lacks)
    again = attack.command(attack.bounded, seed)
    print(f"To repeat it: {again}")
    figures = attack.run(attack.bounded, seed)
    assert not figures.faults, "\n".join([f"{name} found:", *figures.faults[:10], f"To repeat it: {again}"])
    assert figures.counts[attack.unit] >= attack.bounded, f"it tried less than it should: {figures.counts}"


@pytest.mark.proves("killed-anywhere-nothing-lost")
def test_nothing_acknowledged_is_lost_by_a_kill() -> None:
    _attack("kills")
