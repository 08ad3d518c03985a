"""All attacks, in the order of the page."""

from __future__ import annotations

from trust import access, contract, disks, flips, kills, operations, slow, sources

ATTACKS = (
    kills.ATTACK,
    operations.IN_PROCESS,
    operations.ON_SERVER,
    contract.ATTACK,
    access.ATTACK,
    sources.ATTACK,
    disks.ATTACK,
    flips.ATTACK,
    slow.ATTACK,
)
BY_NAME = {attack.name: attack for attack in ATTACKS}
