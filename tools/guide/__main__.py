"""Write every part; pages include them with `--8<--`."""

from __future__ import annotations

from pathlib import Path

from guide import (
    architecture,
    diagrams,
    limits,
    mutations,
    operations,
    performance,
    phases,
    refusals,
    tested,
    values,
    variables,
)

ROOT = Path(__file__).parents[2]
PARTS = {
    "architecture.svg.html": architecture.picture,
    "can-i-delete.svg.html": diagrams.can_i_delete,
    "life-of-a-version.svg.html": diagrams.life_of_a_version,
    "attacks.md": tested.attacks,
    "limits.md": limits.write,
    "mutations.md": mutations.write,
    "operations.md": operations.write,
    "performance.md": performance.figures,
    "performance-behind.md": performance.behind,
    "performance-sum.md": performance.summary,
    "phases.md": phases.write,
    "reasons.md": refusals.table,
    "refusals.md": refusals.write,
    "rooms.md": architecture.table,
    "sizes-of-tests.md": tested.sizes,
    "sum-of-attacks.md": tested.summary,
    "variables.md": variables.write,
}


def main() -> None:
    """Write them all."""
    folder = ROOT / "build" / "guide"
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in PARTS.items():
        (folder / name).write_text(write(), "utf-8")
    values.main()


if __name__ == "__main__":
    main()
