"""What `make mutation` saw: of small changes to the software, how many the scenarios noticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

SEEN = Path(__file__).parents[2] / "tests" / "defects" / "mutation.json"


class Unnoticed(TypedDict):
    """A change that no scenario noticed."""

    path: str
    line: int
    change: list[str]


class Seen(TypedDict):
    """What the last run wrote down; of each file [noticed, tried]."""

    seen: str
    possible: int
    tried: dict[str, list[int]]
    unnoticed: list[Unnoticed]


def write() -> str:
    """The figure, a table of the files, and each change that went unnoticed."""
    seen: Seen = json.loads(SEEN.read_text("utf-8"))
    noticed, tried = (sum(column) for column in zip(*seen["tried"].values(), strict=True))
    figure = (
        f"**{noticed} of {tried}** changes were noticed ({seen['seen']}), a sample of the {seen['possible']} that"
        " Cosmic Ray can make there."
    )
    rows = [f"| `{path}` | {counts[1]} | {counts[0]} |" for path, counts in sorted(seen["tried"].items())]
    table = "\n".join(["| File | Tried | Noticed |", "| --- | --- | --- |", *rows])
    return "\n\n".join([figure, table, *_unnoticed(seen["unnoticed"])]) + "\n"


def _unnoticed(changes: list[Unnoticed]) -> list[str]:
    if not changes:
        return []
    parts = ["What went unnoticed:"]
    for one in changes:
        lines = [f"{line[0]} {line[1:].strip()}" for line in one["change"]]
        parts.append("\n".join([f"`{one['path']}`, line {one['line']}", "", "```diff", *lines, "```"]))
    return parts
