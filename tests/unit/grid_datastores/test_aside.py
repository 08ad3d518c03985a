"""Folders beside their destination: removed with their notes, whatever is in them."""

from __future__ import annotations

import os
from pathlib import Path

from grid_datastores.aside import NOTES, FolderAside, erase_abandoned, remove_tree


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
    aside = FolderAside(tmp_path, tmp_path / "new")
    (aside.path / "a").write_text("x")
    erase_abandoned(tmp_path)
    assert (aside.path / "a").exists(), "its process lives"
    aside.discard()
    assert [path.name for path in tmp_path.rglob("*")] == ["asides"]


def test_a_folder_that_is_renamed_stays_and_leaves_no_note(tmp_path: Path) -> None:
    aside = FolderAside(tmp_path, tmp_path / "new")
    aside.path.rename(tmp_path / "new")
    aside.discard()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["asides", "new"]


def test_the_name_of_a_folder_is_one_that_disks_take(tmp_path: Path) -> None:
    for name in ("n" * 255, "д" * 127, "名" * 85):
        aside = FolderAside(tmp_path, tmp_path / name)
        assert len(os.fsencode(aside.path.name)) <= 255
        aside.discard()


def test_only_notes_are_touched_where_people_keep_their_own_files(tmp_path: Path) -> None:
    notes, mark = tmp_path / NOTES, "0123456789abcdef"
    notes.mkdir()
    own = {"report.pdf": b"pdf", "empty": b"", mark: b"not a path", "f" * 16: f"/elsewhere/.new.{mark}".encode()}
    for name, content in own.items():
        (notes / name).write_bytes(content)
    (notes / "folder").mkdir()
    (notes / ("a" * 16)).symlink_to("report.pdf")
    erase_abandoned(tmp_path)
    assert {path.name for path in notes.iterdir()} == {*own, "folder", "a" * 16}
    assert {name: (notes / name).read_bytes() for name in own} == own


def test_a_folder_named_as_people_name_theirs_is_not_looked_into(tmp_path: Path) -> None:
    """GRID_DIR=. or $HOME: ~/downloads is the user's."""
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "thesis").write_text("x")
    erase_abandoned(tmp_path)
    assert (tmp_path / "downloads" / "thesis").read_text() == "x"


def test_the_note_and_the_folder_of_a_killed_process_are_erased(tmp_path: Path) -> None:
    notes, mark = tmp_path / NOTES, "0123456789abcdef"
    folder = tmp_path / f".new.{mark}"
    folder.mkdir()
    notes.mkdir()
    (notes / mark).write_bytes(os.fsencode(folder))
    (notes / ("b" * 16)).touch()
    erase_abandoned(tmp_path)
    assert (list(notes.iterdir()), folder.exists()) == ([], False)
