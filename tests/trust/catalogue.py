"""All attacks, in the order of the page."""

from __future__ import annotations

from trust import access, contract, flips, kills, operations

ATTACKS = (kills.ATTACK, operations.IN_PROCESS, operations.ON_SERVER, access.ATTACK, contract.ATTACK, flips.ATTACK)
BY_NAME = {attack.name: attack for attack in ATTACKS}
