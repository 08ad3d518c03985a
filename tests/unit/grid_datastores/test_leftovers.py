"""Only what grid made is erased: GRID_DIR may be a folder in which people keep other things."""

from __future__ import annotations

from pathlib import Path

from grid_datastores.machine.mounts import CACHE, clear_mounts
from grid_datastores.machine.staging import NOTES, StagingFolder, erase_abandoned


def test_files_of_others_among_the_notes_stay(tmp_path: Path) -> None:
    notes = tmp_path / NOTES
    notes.mkdir()
    others = {
        "notes.txt": b"wind from the south",
        "report.csv": str(tmp_path / "kept").encode(),
        "empty.txt": b"",
        "0123456789abcdef": str(tmp_path / "kept").encode(),  # looks like a note, and names what has no mark
        "fedcba9876543210": b".kept.fedcba9876543210",
    }
    for name, content in others.items():
        (notes / name).write_bytes(content)
    (tmp_path / "kept").mkdir()
    erase_abandoned(tmp_path)
    assert {path.name: path.read_bytes() for path in notes.iterdir()} == others
    assert (tmp_path / "kept").is_dir()


def test_the_folder_of_a_process_that_died_is_erased_with_its_note(tmp_path: Path) -> None:
    aside = StagingFolder(tmp_path, tmp_path / "new")
    (aside.path / "a").write_text("x")
    aside._lock.close()  # as when its process was killed
    erase_abandoned(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == [NOTES]


def test_folders_of_others_in_the_cache_stay(tmp_path: Path) -> None:
    for name in ("mydata", "pip", "0123456789abcdef0123456789abcdef"):
        (tmp_path / CACHE / name).mkdir(parents=True)
        (tmp_path / CACHE / name / "a").write_text("x")
    assert clear_mounts(tmp_path) == (0, 0)
    assert len(list((tmp_path / CACHE).rglob("a"))) == 3
