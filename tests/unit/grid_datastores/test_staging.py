"""Folders beside their destination: removed with their notes, whatever is in them."""

from __future__ import annotations

import os
from pathlib import Path

from grid_datastores.machine.staging import StagingFolder, erase_abandoned
from grid_datastores.system.files import remove_tree


def _nested(folder: Path, levels: int) -> None:
    """Folders in folders, each closed to writing, with a file in the last."""
    before = Path.cwd()
    try:
        os.chdir(folder)
        for _ in range(levels):
            Path("d").mkdir()
            os.chdir("d")
        Path("f").write_text("x")
        Path("f").chmod(0o444)
    finally:
        os.chdir(before)
    for each in [folder, *(folder / "/".join(["d"] * depth) for depth in range(1, levels + 1))]:
        each.chmod(0o555)


def test_a_folder_is_removed_however_deep_it_is_and_links_are_not_followed(tmp_path: Path) -> None:
    folder, kept = tmp_path / "folder", tmp_path / "kept"
    folder.mkdir()
    kept.mkdir()
    (kept / "a").write_text("x")
    (folder / "link").symlink_to(kept)
    (folder / "broken").symlink_to("nowhere")
    _nested(folder, 1500)
    remove_tree(folder)
    assert not folder.exists()
    assert (kept / "a").read_text() == "x"


def test_a_folder_that_is_discarded_leaves_neither_itself_nor_a_note(tmp_path: Path) -> None:
    aside = StagingFolder(tmp_path, tmp_path / "new")
    (aside.path / "a").write_text("x")
    erase_abandoned(tmp_path)
    assert (aside.path / "a").exists(), "its process lives"
    aside.discard()
    assert [path.name for path in tmp_path.rglob("*")] == ["unfinished-downloads"]


def test_a_folder_that_is_renamed_stays_and_leaves_no_note(tmp_path: Path) -> None:
    aside = StagingFolder(tmp_path, tmp_path / "new")
    aside.path.rename(tmp_path / "new")
    aside.discard()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["new", "unfinished-downloads"]


def test_the_name_of_a_folder_is_one_that_disks_take(tmp_path: Path) -> None:
    for name in ("n" * 255, "д" * 127, "名" * 85):
        aside = StagingFolder(tmp_path, tmp_path / name)
        assert len(os.fsencode(aside.path.name)) <= 255
        aside.discard()
