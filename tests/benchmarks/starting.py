"""Rows about starting: what a command costs before it does anything."""

from __future__ import annotations

import compileall
from collections.abc import Callable, Iterator
from pathlib import Path

from machines import GRID, PYTHON, Machine
from pairs import Row, command

import grid_datastores

_ROUNDS = 15


def rows(disk: Path) -> Iterator[Row]:
    """Yield the rows. As an installer does for a package, this compiles the modules, which the peers' are, too."""
    compileall.compile_dir(Path(grid_datastores.__file__).parent, quiet=1)
    here = Machine.embedded(disk / "empty")
    here.grid("datastore")
    yield _row("start", "grid datastore, on this machine", "sqlalchemy, click", 1.15, here.does("datastore"))
    yield _row("start-help", "grid --help", "click", 1.3, command(GRID, "--help"))
    yield _row(
        "start-delete-help",
        "grid datastore delete --help",
        "click, rich.console",
        1,
        here.does("datastore", "delete", "-h"),
    )


def _row(name: str, what: str, modules: str, bound: float, ours: Callable[[], None]) -> Row:
    return Row(
        name=name,
        what=what,
        against=f"python -c 'import {modules}'",
        bound=bound,
        ours=ours,
        peer=command(PYTHON, "-c", f"import {modules}"),
        rounds=_ROUNDS,
    )
