"""Each attack with a small budget and a fresh seed. A failure prints the command that repeats it."""

from __future__ import annotations

import pytest

from debian import needed
from trust.catalogue import BY_NAME
from trust.seeds import fresh_seed


def _attack(name: str) -> None:
    attack, seed = BY_NAME[name], fresh_seed()
    if lacks := attack.needs():
        assert not needed(), lacks
        pytest.skip(lacks)
    again = attack.command(attack.bounded, seed)
    print(f"To repeat it: {again}")
    figures = attack.run(attack.bounded, seed)
    assert not figures.faults, "\n".join([f"{name} found:", *figures.faults[:10], f"To repeat it: {again}"])
    assert figures.counts[attack.unit] >= attack.bounded, f"it tried less than it should: {figures.counts}"


@pytest.mark.proves("killed-anywhere-nothing-lost")
def test_nothing_acknowledged_is_lost_by_a_kill() -> None:
    _attack("kills")


@pytest.mark.proves("operations-follow-the-model")
@pytest.mark.parametrize("place", ["operations", "operations-http"])
def test_every_answer_is_the_models(place: str) -> None:
    _attack(place)


@pytest.mark.proves("api-keeps-its-description")
def test_the_api_keeps_its_description() -> None:
    _attack("contract")


@pytest.mark.proves("strangers-learn-nothing")
def test_who_may_not_does_nothing_and_learns_nothing() -> None:
    _attack("access")


@pytest.mark.proves("hostile-sources-stay-outside")
def test_hostile_archives_and_addresses_are_refused() -> None:
    _attack("sources")


@pytest.mark.proves("full-disks-lose-nothing")
def test_full_disks_lose_nothing() -> None:
    _attack("disks")


@pytest.mark.proves("clock-steps-end-nothing")
def test_steps_of_the_clock_end_nothing() -> None:
    _attack("clocks")


@pytest.mark.proves("flipped-bits-hand-out-nothing-wrong")
def test_flipped_bits_hand_out_nothing_wrong() -> None:
    _attack("flips")


@pytest.mark.proves("slow-clients-stop-nobody")
def test_slow_clients_stop_nobody() -> None:
    _attack("slow")
