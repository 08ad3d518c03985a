"""What makes many small files fast: few system calls for each, and lines and checks that give what the slow ones do."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from grid_datastores.domain.errors import InvalidInput, SourceFailed
from grid_datastores.domain.model import FileEntry
from grid_datastores.sources import scan
from grid_datastores.storage import Manifest, pack
from grid_datastores.storage.manifest import are_safe, check_paths, check_safe

PATHS = ("a", "a/b.csv", 'a"b', "größe", "日本", "\u2028", "😀", "a b", "'", "...", ".a", "a..", "a/.b", "x" * 300)
HOSTILE = (
    "",
    ".",
    "..",
    "/a",
    "a/",
    "a//b",
    "a/./b",
    "../a",
    "a/..",
    "a\\b",
    "a\nb",
    "a\n",
    "\n",
    "a\0",
    "\x7f",
    "\ud800",
)


def test_a_line_of_a_manifest_is_json() -> None:
    drawn = random.Random(11)
    files = [
        FileEntry(path, drawn.randrange(2**50), "0f" * 32, 'pack"ü', drawn.randrange(2**40), executable, modified)
        for path in PATHS
        for executable in (False, True)
        for modified in (None, 0, -1, 2**63 - 1)
    ]
    rows = [[*file] if file.executable or file.modified is not None else [*file[:5]] for file in files]
    expected = "".join(f"{json.dumps(row)}\n" for row in [*rows, ["größe/leer"]])
    assert Manifest(tuple(files), ("größe/leer",)).encode() == expected.encode()


@pytest.mark.parametrize("path", [*PATHS, *HOSTILE])
@pytest.mark.parametrize("position", [0, 1, 3])
def test_many_paths_are_as_safe_as_each(path: str, position: int) -> None:
    paths = ["a", "b/c", "d"]
    paths.insert(position, path)
    assert are_safe([path]) == are_safe(paths) == (path in PATHS)
    if path in HOSTILE:
        with pytest.raises(InvalidInput):
            check_safe(path)
        with pytest.raises(InvalidInput):
            check_paths(paths)
    assert are_safe([])


class _Memory:
    """A sink that keeps what is written."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    @contextmanager
    def object(self, _name: str, _size: int | None) -> Iterator[_Memory]:
        yield self

    def write(self, data: bytes) -> None:
        self.writes.append(data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Small files, one of them empty."""
    for number in range(20):
        path = tmp_path / "data" / str(number % 3) / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(number * 100))
    return tmp_path / "data"


def counting(monkeypatch: pytest.MonkeyPatch, *names: str) -> Counter[str]:
    """Count the calls of these functions of `os`."""
    calls: Counter[str] = Counter()

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def function(*args: Any, **options: Any) -> Any:
            calls[name] += 1
            return call(*args, **options)

        return function

    for name in names:
        monkeypatch.setattr(os, name, counted(name, getattr(os, name)))
    return calls


def test_a_small_file_is_read_with_four_system_calls(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = scan(str(folder)).files
    calls = counting(monkeypatch, "open", "read", "fstat", "stat", "lstat", "close")
    assert [b"".join(file.chunks()) for file in files] == [(folder / file.path).read_bytes() for file in files]
    reading = {name: calls[name] for name in ("open", "read", "fstat", "close")}
    assert set(reading.values()) == {len(files)}


def test_a_pack_is_written_in_one_piece(folder: Path) -> None:
    memory = _Memory()
    ((_name, entries),) = pack(scan(str(folder)).files, memory, lambda _count: None)
    (whole,) = memory.writes
    for entry in entries:
        content = whole[entry.offset : entry.offset + entry.size]
        assert sha256(content).hexdigest() == entry.sha256
        assert content == (folder / entry.path).read_bytes()


def test_a_file_system_may_return_less_at_a_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, read = scan(str(folder)).files, os.read
    monkeypatch.setattr(os, "read", lambda descriptor, size: read(descriptor, min(size, 300)))
    assert [len(b"".join(file.chunks())) for file in files] == [file.size for file in files]


@pytest.mark.parametrize("content", [b"", b"short", bytes(5000)])
def test_a_small_file_with_another_size_is_refused(folder: Path, content: bytes) -> None:
    file = next(file for file in scan(str(folder)).files if file.size == 1000)
    path = folder / file.path
    path.write_bytes(content)
    os.utime(path, ns=(file.modified, file.modified))
    with pytest.raises(SourceFailed, match="changed while it was read"):
        b"".join(file.chunks())
