"""What the foot of a page of the guide says: when the spec was last seen to hold, and for which version."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from living_spec.results import Freshness, Kind

if TYPE_CHECKING:
    from living_spec.results import Proof

_PACKAGE = "grid-datastores"


@dataclass(frozen=True)
class Verification:
    """The day of the last run, and the version that ran; without both, the sources have changed since or it failed."""

    day: str = ""
    version: str = ""


def verification(proof: Proof) -> Verification:
    """The verification of the guide's edition. It is empty if any rule fails or has stale results."""
    config = proof.spec.config
    edition = config.first_edition
    verdicts = [proof.rule(rule, surface, edition) for rule in proof.spec.rules.values() for surface in config.surfaces]
    if any(one.freshness is not Freshness.FRESH or one.kind is Kind.FAILS for one in verdicts):
        return Verification()
    started = [one.started for key, results in proof.evidence.items() if key.edition == edition for one in results]
    return Verification(max(started)[:10], version(_PACKAGE)) if started else Verification()
