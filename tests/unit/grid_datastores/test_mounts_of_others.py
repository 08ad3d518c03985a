"""Where the settings' directory has people's own files, only what mounting made is removed."""

from __future__ import annotations

from pathlib import Path

from grid_datastores.machine.mounts import CACHE, clear_mounts, find_copies, unmount

MOUNTED = "a" * 32


def test_a_folder_that_mounting_did_not_make_stays(tmp_path: Path) -> None:
    cache = tmp_path / CACHE
    for name in ("pip", "uv", "notes", MOUNTED):
        (cache / name).mkdir(parents=True)
        (cache / name / "a").write_text(name)
    (cache / "uv.gate").write_text("of another program")
    (cache / "uv.lock").touch()
    (cache / "notes.place").write_text("Paris")
    (cache / f"{MOUNTED}.gate").touch()
    assert find_copies(tmp_path) == ([], [MOUNTED])
    assert clear_mounts(tmp_path) == (1, 0)
    for name in ("pip", "uv", "notes"):
        assert unmount(tmp_path, name)
    left = {"pip", "uv", "notes", "uv.gate", "uv.lock", "notes.place"}
    assert {path.name for path in cache.iterdir()} == left
    assert [(cache / name / "a").read_text() for name in ("pip", "uv", "notes")] == ["pip", "uv", "notes"]
