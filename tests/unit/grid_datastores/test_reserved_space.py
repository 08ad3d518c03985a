"""The space that is reserved for deletions on a full disk, while several threads need it."""

from __future__ import annotations

from pathlib import Path

import pytest

from grid_datastores.catalog.reserved_space import ReservedSpace
from grid_datastores.domain.errors import Busy, NoSpace
from grid_datastores.service import Service


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReservedSpace:
    monkeypatch.setattr(ReservedSpace, "disk_is_full", lambda _self: True)
    return ReservedSpace(tmp_path / "catalog.sqlite")


def test_the_space_stays_free_until_the_last_thread_no_longer_needs_it(space: ReservedSpace, tmp_path: Path) -> None:
    reserved = tmp_path / "catalog.sqlite.reserve"
    with space.released():
        with space.released():
            pass
        assert not reserved.exists()
    assert reserved.exists()
    with space.released():
        assert not reserved.exists()


@pytest.mark.parametrize(("error", "expected"), [(Busy("busy"), True), (NoSpace("full"), False)])
def test_after_an_error_the_space_stays_free_for_the_next_attempt_unless_none_was_made(
    space: ReservedSpace, tmp_path: Path, error: Exception, expected: bool
) -> None:
    with pytest.raises(type(error)), space.released():
        raise error
    assert (tmp_path / "catalog.sqlite.reserve").exists() is expected
    with space.released():
        pass
    assert (tmp_path / "catalog.sqlite.reserve").exists()


def test_changes_on_a_full_disk_do_not_extend_the_log_of_the_catalog(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReservedSpace, "disk_is_full", lambda _self: True)
    catalog = service.context.catalog
    log = catalog._path.with_name(f"{catalog._path.name}-wal")
    sizes = set()
    for number in range(12):
        with catalog.write(frees_space=True) as tx:
            tx.facts.put("number", str(number))
        sizes.add(log.stat().st_size)
    assert len(sizes) == 1
