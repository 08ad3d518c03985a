"""The environment variables, from the table in `grid_datastores.settings`."""

from __future__ import annotations

from grid_datastores.settings import VARIABLES, Part, Variable


def write() -> str:
    """A heading and a table for each part of `VARIABLES`."""
    return "\n".join(_table(part, [variable for variable in VARIABLES if variable.part is part]) for part in Part)


def _table(part: Part, variables: list[Variable]) -> str:
    rows = [f"| `{one.name}` | {one.meaning} | {one.unset} | {one.example} |" for one in variables]
    header = ["| Variable | Meaning | If not set | Example |", "| --- | --- | --- | --- |"]
    return "\n".join([f"### {part}", "", *header, *rows, ""])
