"""Restoring many small files: in threads, each file compared once, and nothing is left when one of them fails."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from grid_datastores.domain.errors import Damaged, SourceFailed
from grid_datastores.domain.model import FileEntry
from grid_datastores.machine import restore as restoring
from grid_datastores.machine.restore import restore
from grid_datastores.machine.threads import in_threads
from grid_datastores.storage import Manifest

CONTENT = bytes(range(256)) * 8


def _manifest(count: int) -> Manifest:
    """Files of three bytes in one object, each in another place."""
    return Manifest.of(
        FileEntry(f"{n % 7}/{n:05}", 3, sha256(CONTENT[n : n + 3]).hexdigest(), "pack", n, n % 2 == 0, 10**18)
        for n in range(0, count * 3, 3)
    )


def _restored(tmp_path: Path, manifest: Manifest, **options: Any) -> Path:
    target = tmp_path / "target"
    assert not restore(
        manifest, lambda _name: [CONTENT[:1000], CONTENT[1000:]], target, lambda _: None, directory=tmp_path, **options
    )
    return target


@pytest.mark.parametrize("count", [1, 63, 64, 500])
@pytest.mark.parametrize("verified", [False, True])
def test_every_file_is_written(tmp_path: Path, count: int, *, verified: bool) -> None:
    manifest = _manifest(count)
    target = _restored(tmp_path, manifest, verified=verified)
    for file in manifest.files:
        path = target / file.path
        assert path.read_bytes() == CONTENT[file.offset : file.offset + 3]
        assert path.stat().st_mtime_ns == file.modified
        assert os.access(path, os.X_OK) == file.executable
    assert sum(len(files) for _folder, _folders, files in os.walk(target)) == count


@pytest.mark.parametrize(("verified", "times"), [(False, 200), (True, 0)])
def test_a_file_is_compared_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int, *, verified: bool
) -> None:
    calls, compare = Counter[str](), restoring._compare

    def counted(file: FileEntry, chunks: Iterator[memoryview]) -> None:
        calls[file.path] += 1
        compare(file, chunks)

    monkeypatch.setattr(restoring, "_compare", counted)
    _restored(tmp_path, _manifest(200), verified=verified)
    assert calls.total() == len(calls) == times


@pytest.mark.parametrize("number", [0, 250, 499])
def test_one_damaged_file_of_many_leaves_nothing(tmp_path: Path, number: int) -> None:
    files = list(_manifest(500).files)
    files[number] = files[number]._replace(sha256="0" * 64)
    with pytest.raises(Damaged, match=f"{files[number].path} does not match its SHA-256"):
        _restored(tmp_path, Manifest(tuple(files)))
    assert not list(tmp_path.glob("*target*"))


def test_one_file_of_many_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: memoryview) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(SourceFailed, match="no space left"):
        _restored(tmp_path, _manifest(500))
    assert not list(tmp_path.glob("*target*"))


@pytest.mark.parametrize("verified", [False, True])
def test_two_files_cannot_have_the_same_place(tmp_path: Path, *, verified: bool) -> None:
    digest = sha256(CONTENT[:3]).hexdigest()
    files = [FileEntry(path, 3, digest, "pack", 0) for path in ("a", "b")]
    with pytest.raises(Damaged):
        _restored(tmp_path, Manifest(tuple(files)), verified=verified)


def test_empty_files_have_a_place_anywhere(tmp_path: Path) -> None:
    empty = sha256().hexdigest()
    files = [FileEntry("a", 5, sha256(CONTENT[:5]).hexdigest(), "pack", 0)]
    files += [FileEntry(f"e{n}", 0, empty, "pack", n) for n in (0, 2, 5, len(CONTENT))]
    target = _restored(tmp_path, Manifest(tuple(files)))
    assert {path.name: path.stat().st_size for path in target.iterdir()} == {file.path: file.size for file in files}


def test_few_jobs_need_no_thread() -> None:
    done: list[tuple[int, str]] = []
    with in_threads(lambda job: done.append((job, threading.current_thread().name))) as later:
        later(1, 10)
        later(2, 10)
    assert done == [(1, threading.current_thread().name), (2, threading.current_thread().name)]


def test_jobs_are_done_where_the_system_allows_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    done: set[int] = set()
    monkeypatch.setattr(threading.Thread, "start", refused)
    with in_threads(done.add) as later:
        for job in range(500):
            later(job, 1)
    assert done == set(range(500))


def test_every_job_is_done_and_every_thread_ends() -> None:
    done: set[int] = set()
    with in_threads(done.add) as later:
        for job in range(5000):
            later(job, 1)
    assert done == set(range(5000))
    assert not [thread for thread in threading.enumerate() if thread.name == "small jobs"]


def test_after_an_interruption_no_job_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    join, begun, go_on = threading.Thread.join, threading.Event(), threading.Event()
    done: list[int] = []

    def do(job: int) -> None:
        begun.set()
        go_on.wait()
        done.append(job)

    def interrupted() -> None:
        with in_threads(do) as later:
            for job in range(200):
                later(job, 1)
            begun.wait()
            raise KeyboardInterrupt

    def joined(thread: threading.Thread) -> None:
        go_on.set()
        join(thread)

    monkeypatch.setattr(threading.Thread, "join", joined)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(done) <= 2  # one in each thread
    assert not [thread for thread in threading.enumerate() if thread.name == "small jobs"]
