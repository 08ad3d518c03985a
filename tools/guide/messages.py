"""What each kind of refusal says, read from the sources: its messages, with … for what differs."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import grid_datastores
from grid_datastores.domain.errors import Refusal

_SOURCES = Path(grid_datastores.__file__).parent
_KINDS = {Refusal.__name__} | {kind.__name__ for kind in Refusal.__subclasses__()}


def messages() -> dict[str, list[str]]:
    """By the name of the kind, in the order of the files."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for path in sorted(_SOURCES.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        _collect(tree, "", found)
    return {kind: list(texts) for kind, texts in found.items()}


def _collect(node: ast.AST, inside: str, found: dict[str, dict[str, None]]) -> None:
    """Walk down; `cls(…)` in a class of refusals makes one of these."""
    if isinstance(node, ast.ClassDef):
        inside = node.name
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
        kind = inside if node.func.id == "cls" else node.func.id
        text = _text(node.args[0])
        if kind in _KINDS and text.strip("… "):
            found[kind][text] = None
    for child in ast.iter_child_nodes(node):
        _collect(child, inside, found)


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return " ".join(str(node.value).split())
    if isinstance(node, ast.JoinedStr):
        parts = (str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        return " ".join("".join(parts).split())
    return "…"
