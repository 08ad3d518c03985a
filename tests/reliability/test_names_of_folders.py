"""A datastore without a name is called as what was typed: a folder whole, a file without its suffix."""

from __future__ import annotations

import json
from pathlib import Path

from reliability.machine import Machine, folder_of


def _made(machine: Machine, *source: str, cwd: Path | None = None) -> tuple[str, int]:
    made = json.loads(machine.run("datastore", "create", *source, "-o", "json", cwd=cwd or machine.home).done())
    return made["name"], made["spec"]["version"]


def test_folders_with_a_dot_are_datastores_of_their_own(embedded: Machine) -> None:
    second, third = (folder_of(embedded.home, {"a.v2.csv": b"1"}, f"model.v{n}") for n in (2, 3))
    (embedded.home / "newest.link").symlink_to(third)
    assert _made(embedded, "model.v2") == ("model-v2", 1)
    assert _made(embedded, "model.v3/") == ("model-v3", 1)
    assert _made(embedded, ".", cwd=second) == ("model-v2", 2)
    assert _made(embedded, "newest.link") == ("newest-link", 1)
    assert _made(embedded, "model.v2/a.v2.csv") == ("a-v2", 1)
