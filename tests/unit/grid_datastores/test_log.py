"""The log of the data: whole after any kill, continued by one catalog only, and cheap to open however long it is."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path

import pytest

from grid_datastores.domain.errors import Busy, Damaged
from grid_datastores.domain.log import LogEnd, LogEntry, continuation
from grid_datastores.storage.log import LocalLog


def _entries(count: int, size: int = 1) -> list[LogEntry]:
    """So many entries, each with a record of about this size in bytes."""
    first = LogEntry.after(None, {"catalog": "one"})
    return list(
        accumulate(range(1, count), lambda last, n: LogEntry.after(last, {"n": n, "x": "x" * size}), initial=first)
    )


def _extend(log: LocalLog, entries: Sequence[LogEntry]) -> None:
    log.extend(lambda last: entries[last.sequence if last else 0 :])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


def _last(path: Path) -> LogEntry | None:
    with LocalLog(path).end() as end:
        return end.last


def test_a_log_has_what_was_appended(path: Path) -> None:
    entries = _entries(5)
    assert _last(path) is None
    _extend(LocalLog(path), entries[:2])
    _extend(LocalLog(path), entries)
    assert list(LocalLog(path).entries()) == entries
    assert _last(path) == entries[-1]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("size", [1, 20_000], ids=["short lines", "lines longer than the first look"])
def test_a_torn_line_is_ignored_and_written_again(path: Path, size: int) -> None:
    entries = _entries(3, size)
    _extend(LocalLog(path), entries)
    whole = path.read_bytes()
    for cut in (1, 2, len(entries[2].encode()) - 1):
        path.write_bytes(whole[:-cut])
        assert _last(path) == entries[1]
        assert list(LocalLog(path).entries()) == entries[:2]
        _extend(LocalLog(path), entries)
        assert path.read_bytes() == whole
    path.write_bytes(whole[:10])
    assert _last(path) is None


def test_a_changed_line_is_noticed(path: Path) -> None:
    entries = _entries(4)
    _extend(LocalLog(path), entries)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[1].replace(b"x", b"y", 1), *lines[2:]]))
    with pytest.raises(Damaged, match="damaged in line 2"):
        list(LocalLog(path).entries())
    path.write_bytes(b"".join([*lines[:3], lines[3].replace(b'"n":3', b'"n":4')]))
    assert _last(path) == entries[2]


def test_lines_that_are_lost_at_the_end_are_counted(path: Path) -> None:
    entries = _entries(4)
    LocalLog(path).replace(entries)
    whole = path.read_bytes()
    for spoiled, last, lost in (
        (whole, 3, 0),
        (whole[:-1], 2, 1),
        (whole.replace(b'"n":3', b'"n":4'), 2, 1),
        (whole.replace(b'"n":2', b'"n":4').replace(b'"n":3', b'"n":4'), 1, 2),
        (b"x\n" * 3, None, 3),
    ):
        path.write_bytes(spoiled)
        with LocalLog(path).end() as end:
            assert end == LogEnd(None if last is None else entries[last], lost)


def test_a_log_that_another_process_holds_is_not_waited_for_without_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = _entries(2)
    _extend(LocalLog(path), entries[:1])
    monkeypatch.setattr(Busy, "TIMEOUT", 0)
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Busy, match="another process has locked it for more than 0 seconds"):
            _last(path)
        with pytest.raises(TimeoutError):
            _extend(LocalLog(path), entries)
    _extend(LocalLog(path), entries)
    assert _last(path) == entries[1]


def test_a_catalog_continues_only_its_own_log(path: Path) -> None:
    ours = _entries(3)
    fork = LogEntry.after(ours[0], {"another": 1})
    theirs = [ours[0], fork, LogEntry.after(fork, {"another": 2})]
    assert continuation(None, []) == []
    assert continuation(None, ours) == ours
    assert continuation(ours[1], ours[1:]) == ours[2:]
    assert continuation(ours[1], ours[2:]) == ours[2:]
    assert continuation(ours[1], []) is None  # the catalog is older
    assert continuation(None, ours[1:]) is None  # the log is lost
    assert continuation(theirs[1], ours[1:]) is None
    assert continuation(theirs[1], ours[2:]) is None


def test_many_append_at_once_and_no_line_is_lost(path: Path) -> None:
    entries = _entries(40)
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(_extend, LocalLog(path), entries[:count]) for count in range(1, 41)]:
            done.result()
    assert list(LocalLog(path).entries()) == entries


def test_a_start_reads_only_the_end_of_a_long_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = _entries(20_000, 100)
    LocalLog(path).replace(entries)
    assert path.stat().st_size > 3_000_000
    before = _bytes_read()
    assert _last(path) == entries[-1]
    assert _bytes_read() - before < 200_000


def _bytes_read() -> int:
    """How many bytes this process has read so far."""
    for line in Path(f"/proc/{os.getpid()}/io").read_text("ascii").splitlines():
        if line.startswith("rchar:"):
            return int(line.split()[1])
    raise AssertionError
