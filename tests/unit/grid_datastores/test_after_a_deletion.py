"""What stays after a deletion, what it made free, and what is said of a version that is deleted or another user's."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from in_process import NAMED, Browser, Terminal
from manual_clock import Clock

from grid_datastores.cli.main import cli
from grid_datastores.domain.errors import NotFound
from grid_datastores.domain.model import Phase, Source, SourceKind, User, VersionRef
from grid_datastores.service import Service
from grid_datastores.storage import Manifest


@pytest.mark.proves("download-stays")
def test_a_download_stays_after_the_deletion(terminal: Terminal) -> None:
    terminal.create({"a.csv": b"1", "deep/b.csv": b"2"})
    copy = terminal.home / "copy"
    terminal.done("datastore", "download", *NAMED, "--to", str(copy))
    terminal.done("datastore", "delete", *NAMED)
    terminal.done("datastore")
    assert {path.name: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == {
        "a.csv": b"1",
        "b.csv": b"2",
    }


@pytest.mark.proves("version-needs-the-space-of-its-files")
def test_a_version_needs_about_the_space_of_its_files(terminal: Terminal) -> None:
    files = {"large.bin": bytes(3_000_000), **{f"{number}.csv": bytes(1000) for number in range(100)}}
    terminal.create(files)
    stored = [path.stat().st_size for path in (terminal.home / ".grid/data/versions").rglob("*") if path.is_file()]
    assert 1 <= sum(stored) / sum(map(len, files.values())) < 1.1


@pytest.mark.proves("show-says-what-happened")
def test_show_says_whether_a_version_is_deleted_or_failed(
    terminal: Terminal, service: Service, ana: User, clock: Clock, tmp_path: Path
) -> None:
    deleted, failed = (service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data")) for _ in range(2))
    service.uploads.publish(ana, deleted.id, Manifest.of([]))

    def shown(number: int) -> str:
        return terminal.done("datastore", "show", "--name=data", f"--version={number}", GRID_DIR=str(tmp_path))

    assert re.search(r"^Phase: +available$", shown(1), re.MULTILINE)
    assert "Deleted:" not in shown(1)
    service.deletion.delete(ana, deleted.id)
    clock.go(2 * clock.expiry)
    service.tidy()
    assert re.search(r"^Phase: +deleted$", shown(1), re.MULTILINE)
    assert re.search(r"^Deleted: +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC by ana$", shown(1), re.MULTILINE)
    assert re.search(r"^Phase: +failed: the upload was not finished in time$", shown(2), re.MULTILINE)
    assert service.reading.get(ana, failed.id).phase is Phase.FAILED


@pytest.mark.proves("another-user-same-answer")
def test_another_user_gets_the_answer_of_a_name_that_does_not_exist(service: Service, ana: User) -> None:
    ben, _ = service.accounts.add("ben")

    def answer(version_id: str) -> list[str]:
        asked = [
            lambda: service.reading.find(ben, VersionRef("data", 1)),
            lambda: service.reading.get(ben, version_id),
            lambda: service.deletion.delete(ben, version_id),
        ]
        said = []
        for ask in asked:
            with pytest.raises(NotFound) as refused:
                ask()
            said.append(refused.value.message.replace(version_id, "ID"))
        return said

    before = answer("0" * 32)
    begun = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    version = service.uploads.publish(ana, begun.id, Manifest.of([]))
    assert answer(version.id) == before
    assert service.reading.get(ana, version.id).phase is Phase.AVAILABLE


@pytest.mark.proves("nothing-has-a-price")
def test_nothing_has_a_price(browser: Browser) -> None:
    """No command, operation or field is about money."""
    price = re.compile(r"pric(e|ing)|billing|invoice|payment|currency|charged|\bfee\b", re.IGNORECASE)
    assert price.search(browser.get("/openapi.json")) is None
    assert price.search(browser.get("/")) is None
    assert [words for words in _help(cli, "grid") if price.search(words)] == []


def _help(command: click.Command, name: str) -> list[str]:
    context = click.Context(command, info_name=name)
    inner = command.commands if isinstance(command, click.Group) else {}
    return [command.get_help(context), *(text for key, one in inner.items() for text in _help(one, key))]
