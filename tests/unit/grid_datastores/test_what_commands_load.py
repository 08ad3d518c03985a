"""A command loads nothing that it does not need: what is typed often answers quickly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SERVER = {"fastapi", "starlette", "uvicorn", "jinja2", "graphql"}
CATALOG = {"sqlalchemy", "sqlite3"}
FETCHING = {"httpx", "obstore"}
PROGRESS = {"rich", "pygments"}
NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("words", "url", "unwanted"),
    [
        (["--help"], None, SERVER | CATALOG | FETCHING | PROGRESS),
        (["datastore", "delete", "--help"], None, SERVER | CATALOG | FETCHING | PROGRESS),
        (["datastore", "-o", "json"], None, SERVER | FETCHING | PROGRESS),
        (["datastore", "-o", "json"], NOWHERE, SERVER | CATALOG | PROGRESS | {"obstore", "httpx._main"}),
    ],
)
def test_a_command_loads_only_what_it_needs(
    words: list[str], url: str | None, unwanted: set[str], tmp_path: Path
) -> None:
    code = f"""
import atexit, sys
from grid_datastores.entry import main
atexit.register(lambda: print(*(name for name, module in sys.modules.items() if module), sep="\\n"))
sys.argv[1:] = {words!r}
main()
"""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GRID_DIR": str(tmp_path / "grid")}
    if url:
        environment |= {"GRID_URL": url, "GRID_USER_ID": "ana", "GRID_API_KEY": "key"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    loaded = set(done.stdout.splitlines())
    assert "grid_datastores.cli.main" in loaded, done.stderr
    assert loaded & unwanted == set()
