"""The words of the JSON for phases and Sources, from the wire."""

from __future__ import annotations

from grid_datastores.wire.datastores import PHASES, SOURCE_TYPES


def write() -> str:
    """A table of the phases, and one of the kinds of Sources."""
    phases = [f"| **{phase}** | `{word}` |" for phase, word in PHASES.items()]
    sources = [f"| {kind.how.partition(';')[0]} | `{word}` |" for kind, word in SOURCE_TYPES.items()]
    return "\n".join(
        [
            "| Phase | `phase` |",
            "| --- | --- |",
            *phases,
            "",
            "| Source | `sourceType` |",
            "| --- | --- |",
            *sources,
            "",
        ]
    )
