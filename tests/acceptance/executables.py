"""The executable under test: the project's own, or one that puts something into it before it starts."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

TESTS = Path(__file__).parents[1]
_WRAPPER = """#!{python}
import sys
sys.path[:0] = {paths!r}
{prepare}
from grid_datastores.cli import main
sys.argv[0] = "grid"
main()
"""
_late: set[str] = set()


def own() -> str:
    """The `grid` of this environment."""
    return str(Path(sysconfig.get_path("scripts")) / "grid")


def edition(name: str, folder: Path) -> str | None:
    """The executable of an edition that code makes; None where no module is there for it."""
    if not (TESTS / "editions" / f"{name}.py").is_file():
        return None
    return wrapped(folder, f"from editions.{name} import apply\napply()", late=True)


def wrapped(folder: Path, prepare: str, *, late: bool = False) -> str:
    """An executable `grid` in a folder that does this first, in Python; late, if the modules may be loaded before."""
    grid = folder / "grid"
    paths = [str(TESTS), str(TESTS.parent / "src")]
    grid.write_text(_WRAPPER.format(python=sys.executable, paths=paths, prepare=prepare))
    grid.chmod(0o755)
    if late:
        _late.add(str(grid))
    return str(grid)


def can_be_loaded(grid: str) -> bool:
    """Whether this executable does the same in a process that has its modules loaded."""
    return grid == own() or grid in _late
