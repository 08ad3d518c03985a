"""Uploads and fetches that are interrupted: they stay active while files are compared, and say what exists."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

import pytest
from manual_clock import Clock

from grid_datastores import transfer
from grid_datastores.client.datastores import _batches
from grid_datastores.embedded import EmbeddedDatastores
from grid_datastores.errors import Refusal, SourceFailed, Unreachable
from grid_datastores.journal import Journal, begin_journal, interrupted
from grid_datastores.living import LivingRuns
from grid_datastores.locks import locked
from grid_datastores.model import Phase, Source, SourceKind, User
from grid_datastores.service import Service
from grid_datastores.service.uploads import Uploads
from grid_datastores.sources import scan

ARCHIVE = Source(SourceKind.ARCHIVE, "https://example.com/a.zip")


@pytest.fixture
def here(service: Service, ana: User, tmp_path: Path) -> EmbeddedDatastores:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a").write_bytes(b"x" * 3_000_000)
    return EmbeddedDatastores(service, ana, tmp_path, LivingRuns(tmp_path / "runs"))


def _lost(*_given: object) -> None:
    raise Unreachable("The server stopped answering.")


def test_an_upload_does_not_expire_while_its_files_are_compared(
    here: EmbeddedDatastores, service: Service, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_BETWEEN", 0.0, raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(EmbeddedDatastores, "finish", _lost)
        with pytest.raises(transfer.UploadInterrupted):
            transfer.create(here, tmp_path, "data", scan(str(tmp_path / "source")), lambda _count: None)
    for path in list((tmp_path / "uploads").iterdir()):  # its process ended, and its lock with it
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    [journal] = interrupted(tmp_path, here.identity).journals

    def slowly(_count: int) -> None:
        clock.go(0.4 * clock.expiry)
        service.tidy()

    assert transfer.resume(here, journal, slowly).version.phase is Phase.AVAILABLE


def test_a_journal_is_locked_though_another_process_looks_into_it_at_that_moment(
    here: EmbeddedDatastores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = scan(str(tmp_path / "source"))
    version = here.begin("data", data.source)
    path = tmp_path / "uploads" / f"{version.id}.jsonl"
    path.parent.mkdir()
    path.touch()
    others = [os.open(path, os.O_RDONLY)]
    assert locked(others[0])
    flock = fcntl.flock

    def after_the_other(descriptor: int, how: int) -> None:
        if not how & fcntl.LOCK_NB:
            os.close(others.pop())
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", after_the_other)
    begin_journal(tmp_path, here.identity(), version, data)
    for other in others:
        os.close(other)
    looks = os.open(path, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        flock(looks, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(looks)


def test_a_fetch_whose_order_got_no_answer_says_what_exists(
    here: EmbeddedDatastores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Uploads, "complete", _lost)
    with pytest.raises(transfer.UploadInterrupted, match=r"exists and takes a place .* grid datastore delete"):
        transfer.fetch(here, "data", ARCHIVE)
    assert [version.ref.number for version in here.versions()] == [1]


def test_a_fetch_whose_order_is_refused_leaves_nothing(
    here: EmbeddedDatastores, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_given: object) -> None:
        raise Refusal("This place fetches nothing.")

    monkeypatch.setattr(Uploads, "complete", refused)
    with pytest.raises(Refusal, match="fetches nothing"):
        transfer.fetch(here, "data", ARCHIVE)
    assert here.versions() == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SourceFailed("The journal cannot be written.")])
def test_an_upload_that_was_dropped_is_not_said_to_go_on(
    here: EmbeddedDatastores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fails(*_given: object) -> Journal:
        raise error

    monkeypatch.setattr(transfer, "begin_journal", fails)
    with pytest.raises(type(error)) as raised:
        transfer.create(here, tmp_path, "data", scan(str(tmp_path / "source")), lambda _count: None)
    assert "resume" not in str(raised.value)
    assert here.versions() == []


def test_a_question_about_copies_fits_into_the_address_that_a_proxy_takes() -> None:
    asked: list[Sequence[str]] = list(_batches([f"{number:032}" for number in range(1000)]))
    assert sum(map(len, asked)) == 1000
    assert max(len(urlencode([("id", each) for each in ids])) for ids in asked) < 8000
