"""The files of a version by folder."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import pytest
from in_process import Browser

from grid_datastores.domain.errors import NotFound
from grid_datastores.domain.model import FileEntry, Source, SourceKind, User
from grid_datastores.server.ui.files import ROWS_PER_PAGE, Folder, open_folder
from grid_datastores.service import Service
from grid_datastores.storage import Manifest

PAGE = "/datastores/data/versions/1"
FILES = {"z.csv": 5, "a.txt": 1, "a/1": 10, "a/b/2": 20, "a/b/c/3": 30, "a-b": 2, "a.d/4": 40, "ab/5": 1500}


def _manifest(files: dict[str, int], folders: tuple[str, ...] = ()) -> Manifest:
    return Manifest.of([FileEntry(path, size, "0" * 64, "o", 0) for path, size in files.items()], folders)


def _shown(manifest: Manifest, path: str, page: int = 1) -> tuple[list[tuple[str, int, int]], list[str]]:
    opened = open_folder(manifest, path, page)
    return (
        [(folder.path, folder.file_count, folder.size_bytes) for folder in opened.folders],
        [file.path for file in opened.files],
    )


def test_a_folder_shows_its_folders_with_their_totals_and_then_its_files() -> None:
    """Names that sort between `a` and `a/` are not in the folder `a`."""
    manifest = _manifest(FILES)
    folders = [("a", 3, 60), ("a.d", 1, 40), ("ab", 1, 1500)]
    assert _shown(manifest, "") == (folders, ["a-b", "a.txt", "z.csv"])
    assert _shown(manifest, "a") == ([("a/b", 2, 50)], ["a/1"])
    assert _shown(manifest, "a/b") == ([("a/b/c", 1, 30)], ["a/b/2"])
    assert _shown(manifest, "a/b/c") == ([], ["a/b/c/3"])
    assert open_folder(manifest, "", 1).folder == Folder("", 8, sum(FILES.values()))
    assert open_folder(manifest, "a/b/c", 1).folder.parents == [("a", "a"), ("b", "a/b")]


def test_empty_folders_are_shown_too() -> None:
    manifest = _manifest({"a/1": 1}, ("a/empty", "b/c/d", "e"))
    assert _shown(manifest, "") == ([("a", 1, 1), ("b", 0, 0), ("e", 0, 0)], [])
    assert _shown(manifest, "a") == ([("a/empty", 0, 0)], ["a/1"])
    assert _shown(manifest, "b") == ([("b/c", 0, 0)], [])
    assert _shown(manifest, "a/empty") == ([], [])
    assert _shown(_manifest({}), "") == ([], [])


@pytest.mark.parametrize("path", ["b", "a/1", "a/b/2", "a/", "/", "..", "a/../a", "A", "a/b/", "z.csv"])
def test_what_is_no_folder_is_not_found(path: str) -> None:
    with pytest.raises(NotFound, match="contains no folder"):
        open_folder(_manifest(FILES), path, 1)


def test_pages_have_each_folder_and_each_file_once() -> None:
    names = [f"{number:05}" for number in range(ROWS_PER_PAGE + ROWS_PER_PAGE // 2)]
    manifest = _manifest({f"{name}/x": 1 for name in names} | {f"{name}.txt": 1 for name in names})
    pages = [open_folder(manifest, "", page) for page in (1, 2, 3)]
    assert [(len(page.folders), len(page.files)) for page in pages] == [(100, 0), (50, 50), (0, 100)]
    assert [folder.path for page in pages for folder in page.folders] == names
    assert [file.path for page in pages for file in page.files] == [f"{name}.txt" for name in names]
    assert [(page.page, page.pages) for page in pages] == [(1, 3), (2, 3), (3, 3)]
    assert [open_folder(manifest, "", page).page for page in (-1, 0, 4, 10**9)] == [1, 1, 3, 3]


class _Counted(tuple[FileEntry, ...]):
    """Files that count how often one is looked at."""

    looks = 0

    def __getitem__(self, at: Any) -> Any:
        _Counted.looks += not isinstance(at, slice)
        return super().__getitem__(at)


def test_a_page_of_many_files_looks_at_few_of_them() -> None:
    files = [FileEntry(f"{number // 10_000}/{number:06}", 1, "0" * 64, "o", 0) for number in range(100_000)]
    shown = open_folder(Manifest(_Counted(files)), "", 1)
    assert [folder.file_count for folder in shown.folders] == [10_000] * 10
    assert 0 < _Counted.looks < 1000


@pytest.fixture
def pages(service: Service, ana: User, browser: Browser) -> Browser:
    """Somebody with version 1 of `data`."""
    content = b"x" * max(FILES.values())
    begun = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    with service.uploads.sink(ana, begun.id).object("o", len(content)) as target:
        target.write(content)
    entries = [FileEntry(path, size, sha256(content[:size]).hexdigest(), "o", 0) for path, size in FILES.items()]
    service.uploads.publish(ana, begun.id, Manifest.of(entries))
    return browser


def _rows(page: str) -> list[str]:
    """The rows of the table of files, as text."""
    table = page.split('<table class="files">')[1].split("</table>")[0].split("<tbody>")[1]
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in table.split("</tr>")[:-1]]


def test_the_page_of_a_version_shows_a_folder_with_sizes_as_people_read_them(pages: Browser) -> None:
    assert _rows(pages.get(PAGE)) == [
        "a/ 3 files 60 bytes",
        "a.d/ 1 file 40 bytes",
        "ab/ 1 file 1.5 kB (1,500 bytes)",
        "a-b 2 bytes Download a-b",
        "a.txt 1 byte Download a.txt",
        "z.csv 5 bytes Download z.csv",
    ]
    assert 'title="1,500 bytes">1.5 kB<' in pages.get(PAGE)
    inside = pages.get(f"{PAGE}?folder=a/b")
    assert _rows(inside) == ["c/ 1 file 30 bytes", "2 20 bytes Download 2"]
    crumbs = inside.split('aria-label="Folder"')[1].split("</nav>")[0]
    assert re.findall(r'href="([^"]+)"', crumbs) == [f"{PAGE}#files", f"{PAGE}?folder=a#files"]
    assert [pages.send("GET", f"{PAGE}?folder={path}").status_code for path in ("a/b/", "/a", "nope", "../a")] == [
        200,
        200,
        404,
        404,
    ]
