"""The rooms of the software: a picture of their layers, and a table of what each is for, from the import contract."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

from guide.svg import Box, Drawing

_ROOT = Path(__file__).parents[2]
_PACKAGE = _ROOT / "src" / "grid_datastores"
_WIDTH, _GAP, _MARGIN = 470, 10, 6  # pixels
_ROW = 72  # from one layer to the next


def layers() -> list[list[str]]:
    """The rooms of each layer, the uppermost first: the contract that `make checks` holds."""
    contracts = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (rooms,) = (one for one in contracts if one.get("containers") == ["grid_datastores"])
    return [[room.strip() for room in layer.split("|")] for layer in rooms["layers"]]


def picture() -> str:
    """The layers from top to bottom, with an arrow from each to the one below."""
    rows = layers()
    described = "; below it: ".join(", ".join(row) for row in rows)
    drawing = Drawing("rooms", "The rooms, and which may import which", f"From the top: {described}.", _WIDTH)
    y = _MARGIN
    for number, row in enumerate(rows):
        width = (_WIDTH - 2 * _MARGIN - _GAP * (len(row) - 1)) // len(row) if len(row) > 1 else 220
        left = (_WIDTH - width * len(row) - _GAP * (len(row) - 1)) // 2
        boxes = [
            drawing.box(Box(left + place * (width + _GAP), y, width, room, "dg-question"))
            for place, room in enumerate(row)
        ]
        if number < len(rows) - 1:
            drawing.arrow([(_WIDTH // 2, boxes[0].bottom), (_WIDTH // 2, y + _ROW - 2)])
        y += _ROW
    return drawing.html()


def table() -> str:
    """What each room is for: the first sentence of its docstring."""
    lines = ["| Room | What it is for |", "| --- | --- |"]
    lines += [f"| `{room}` | {_purpose(room)} |" for row in layers() for room in row]
    return "\n".join(lines) + "\n"


def _purpose(room: str) -> str:
    module = _PACKAGE / room / "__init__.py" if (_PACKAGE / room).is_dir() else _PACKAGE / f"{room}.py"
    words = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    sentence, _, _ = " ".join(words.split("\n\n")[0].split()).partition(". ")
    return sentence.removesuffix(".").replace("|", "\\|") + "."
