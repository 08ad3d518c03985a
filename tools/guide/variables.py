"""The environment variables of a server and of a folder on this machine, from the text of `read_settings`."""

from __future__ import annotations

import inspect
import re

from grid_datastores.settings import read_settings

_VARIABLE = re.compile(r"(GRID_[A-Z_]+): (.*?) \(([^()]*)\)\.", re.DOTALL)


def write() -> str:
    """A table: variable, what it is, what it is when left out."""
    text = " ".join(inspect.getdoc(read_settings).split())  # type: ignore[union-attr]
    rows = [
        f"| `{name}` | {what} | {default.removeprefix('default ')} |" for name, what, default in _VARIABLE.findall(text)
    ]
    return "\n".join(["| Variable | What it is | When left out |", "| --- | --- | --- |", *rows, ""])
