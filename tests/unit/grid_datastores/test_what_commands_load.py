"""A command loads nothing that it does not need: what is typed often answers quickly."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

import grid_datastores
from grid_datastores.gateway.embedded import open_embedded
from grid_datastores.settings import read_settings

SERVER = {"fastapi", "starlette", "uvicorn", "jinja2", "graphql"}
CATALOG = {"sqlalchemy", "sqlite3"}
FETCHING = {"httpx", "obstore"}
PROGRESS = {"rich", "pygments", "wcwidth"}
VALUES = {"dataclasses", "json", "pathlib", "urllib", "grid_datastores.domain.model"}
UNUSED = {
    *(f"grid_datastores.service.{name}" for name in ("copies", "deletion", "finishing", "uploads", "workloads")),
    *(f"grid_datastores.catalog.{name}" for name in ("owners", "removals", "restoring", "sign_ins")),
    "grid_datastores.sources",
}
SOURCES = Path(grid_datastores.__file__).parent
NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("words", "url", "unwanted"),
    [
        (["--help"], None, SERVER | CATALOG | FETCHING | PROGRESS | VALUES),
        (["datastore", "delete", "--help"], None, SERVER | CATALOG | FETCHING | PROGRESS | VALUES),
        (["datastore"], None, SERVER | FETCHING | PROGRESS | UNUSED),
        (["datastore", "-o", "json"], None, SERVER | FETCHING | PROGRESS | UNUSED),
        (["datastore", "-o", "json"], NOWHERE, SERVER | CATALOG | PROGRESS | {"obstore", "httpx._main"}),
    ],
)
def test_a_command_loads_only_what_it_needs(
    words: list[str], url: str | None, unwanted: set[str], tmp_path: Path
) -> None:
    code = f"""
import atexit, sys
sys.modules["rich"] = sys.modules["pygments"] = None  # as in an installation for use; here, others bring them
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


def test_a_command_ends_without_a_last_collection(tmp_path: Path) -> None:
    """Nothing of its modules is collected: the process ends."""
    code = """
import atexit, gc
from grid_datastores.entry import main
atexit.register(lambda: print(len(gc.get_objects())))
main()
"""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert int(done.stdout.splitlines()[-1]) < 1000, done.stderr


def test_a_command_collects_nothing_while_it_loads_the_catalog(tmp_path: Path) -> None:
    code = """
import atexit, gc, sys
from grid_datastores.entry import main
collections = []
def note(_phase, _about):
    module = sys.modules.get("grid_datastores.gateway.embedded")
    if module and not hasattr(module, "person"):  # its last function: it still loads
        collections.append(module)
gc.callbacks.append(note)
atexit.register(lambda: print(gc.isenabled(), len(collections)))
sys.argv[1:] = ["datastore"]
main()
"""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "True 0", done.stderr


def test_a_list_asks_the_catalog_for_little_more_than_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRID_DIR", str(tmp_path))
    statements: list[str] = []

    def note(*asked: Any) -> None:
        statements.append(asked[2])

    open_embedded(read_settings()).close()
    event.listen(Engine, "before_cursor_execute", note)
    try:
        with closing(open_embedded(read_settings())) as datastores:
            datastores.versions()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    reads = [text for text in statements if text.lstrip().startswith("SELECT")]
    assert len(reads) <= 10, reads


def test_the_program_does_without_rich() -> None:
    """Where it is missing, httpx does not load its own command. Here import-linter brings it."""
    project = tomllib.loads((SOURCES.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    assert not any(needed.startswith("rich") for needed in project["dependencies"])
    named = [path for path in SOURCES.rglob("*.py") if re.search(r"(import|from) rich", path.read_text("utf-8"))]
    assert named == []
