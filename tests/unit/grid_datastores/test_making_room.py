"""What could be deleted when the quota is reached: unused longest first, and never all versions at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from in_process import Browser
from manual_clock import Clock
from sqlalchemy import event

from grid_datastores.domain.errors import QuotaReached
from grid_datastores.domain.model import (
    Quota,
    Source,
    SourceKind,
    User,
    Version,
    VersionRef,
    WorkloadKind,
    WorkloadState,
)
from grid_datastores.service import Service, open_service
from grid_datastores.settings import Limits, Settings

QUOTA = 120
FILES = Source(SourceKind.FILES, "data")
ROW = re.compile(r'<th scope="row" role="rowheader"><a href="[^"]+">(\S+) version (\d+)</a></th>')
PAGE_LINK = re.compile(r'href="(/make-room[^"]*)">(Show all \d+|Previous|Next)<')


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Iterator[Service]:
    """One whose quota takes several pages."""
    settings = Settings(tmp_path, tmp_path / "data" / "catalog.sqlite", Limits(quota=QUOTA))
    opened = open_service(settings, lambda: None, clock, lambda: clock.steady, "boot")
    with closing(opened.context.catalog):
        yield opened


def _create(service: Service, user: User, clock: Clock, *sizes: int, source: Source = FILES) -> list[Version]:
    """Available versions of these sizes in bytes, each a second younger than the one before."""
    made = []
    with service.context.catalog.write() as tx:
        for size in sizes:
            clock.go(1)
            made.append(tx.versions.create(user.id, "data", source, clock(), active_at=clock(), expiry_seconds=100))
            tx.versions.finish(made[-1].id, size=size, files=1, fingerprint="", at=clock())
    return made


def _use(service: Service, ana: User, clock: Clock, *versions: Version) -> str:
    """Mount these versions into a Session, and return its id."""
    clock.go(1)
    paths = {version.id: f"/srv/{version.ref.number}" for version in versions}
    return service.workloads.start(ana, WorkloadKind.SESSION, f"use-{clock.now:%H%M%S}", paths).id


def _end(service: Service, ana: User, session: str) -> None:
    service.workloads.set_state(ana, WorkloadKind.SESSION, session, WorkloadState.DELETED)


def _numbers(versions: tuple[Version, ...]) -> list[int]:
    return [version.ref.number for version in versions]


def _listed(page: str) -> list[int]:
    return [int(number) for _name, number in ROW.findall(page)]


def test_what_can_be_deleted_is_listed_unused_longest_first(service: Service, ana: User, clock: Clock) -> None:
    first, second, third, fourth = _create(service, ana, clock, 1, 20, 300, 4000)
    [reference] = _create(service, ana, clock, 50_000, source=Source(SourceKind.REFERENCE, "s3://birds/a"))
    _end(service, ana, _use(service, ana, clock, first))
    paused = _use(service, ana, clock, third)
    service.workloads.set_state(ana, WorkloadKind.SESSION, paused, WorkloadState.PAUSED)
    service.deletion.delete(ana, fourth.id)
    failed = service.uploads.begin(ana, "data", FILES)
    with service.context.catalog.write() as tx:
        tx.versions.fail(failed.id, "It was lost.", clock())
    stranger, _key = service.accounts.add("ben")
    _create(service, stranger, clock, 7)
    unused = service.reading.unused(ana, limit=10)
    assert _numbers(unused.versions) == [second.ref.number, reference.ref.number, first.ref.number]
    assert (unused.count, unused.size_bytes) == (3, 21), "what is only referenced to takes no space here"
    assert _numbers(service.reading.unused(ana, limit=1, skip=1).versions) == [reference.ref.number]
    _end(service, ana, paused)
    assert _numbers(service.reading.unused(ana, limit=10).versions)[-1] == third.ref.number


@pytest.mark.proves("quota-refusal-lists-a-few-unused-longest")
def test_the_refusal_lists_a_few_and_says_how_to_list_the_others(service: Service, ana: User, clock: Clock) -> None:
    _create(service, ana, clock, *QUOTA * [1])
    read: list[tuple[str, tuple[object, ...]]] = []
    engine = service.context.catalog._engine
    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, sql, values, *_: read.append((sql, values)))
    with pytest.raises(QuotaReached) as refused:
        service.uploads.begin(ana, "data", FILES)
    commands = [line.strip() for line in refused.value.message.splitlines()[1:4]]
    assert commands == [f"grid datastore delete --name data --version {number}" for number in (1, 2, 3)]
    assert refused.value.message.endswith("\nThese are unused longest. To list all your versions: grid datastore")
    assert len(refused.value.message.splitlines()) == 5
    assert len(read) < 10, "it asks for no version by itself"
    [values] = [values for sql, values in read if "SELECT versions.id" in sql and "LIMIT" in sql]
    assert QuotaReached.MAX_LISTED + 1 in values


def test_the_refusal_that_lists_all_says_nothing_of_others() -> None:
    refs = [VersionRef("data", number) for number in (1, 2, 3)]
    assert "unused longest" not in QuotaReached.of(Quota(3, 3), refs).message
    assert "unused longest" in QuotaReached.of(Quota(4, 4), [*refs, VersionRef("data", 4)]).message


@pytest.mark.proves("full-quota-offers-what-can-be-deleted")
def test_a_full_quota_offers_the_first_ten_each_with_the_page_that_asks(
    service: Service, ana: User, clock: Clock, browser: Browser
) -> None:
    assert "What you can delete now" not in browser.get("/upload")
    versions = _create(service, ana, clock, *QUOTA * [10**6])
    _use(service, ana, clock, versions[0])
    page = browser.get("/upload")
    assert f"You have {QUOTA} of {QUOTA} versions, so no new one can be created until you delete one." in page
    words = " ".join(page.split())
    assert "119 versions are not in use. Deleting all of them frees 119.0 MB. 1 other version is in use." in words
    assert "grid datastore delete" not in page
    assert _listed(page) == list(range(2, 12))
    assert page.index("What you can delete now") < page.index('type="file"')
    [ask] = re.findall(r'href="(\S+/versions/2/delete)">Delete…<span class="unseen"> version 2 of data<', page)
    assert ">Delete version 2 of data</button>" in browser.get(ask)
    sent = browser.send("POST", "/upload/address", data={"location": "https://birds.example/a.zip"})
    assert sent.status_code == 429
    assert _listed(sent.text) == list(range(2, 12))


def test_the_page_that_makes_room_has_all_in_pages(service: Service, ana: User, clock: Clock, browser: Browser) -> None:
    _create(service, ana, clock, *QUOTA * [1])
    seen, address = [], dict(reversed(link) for link in PAGE_LINK.findall(browser.get("/upload")))["Show all 120"]
    while address:
        page = browser.get(address)
        seen.append(_listed(page))
        address = dict(reversed(link) for link in PAGE_LINK.findall(page)).get("Next", "")
    assert seen == [list(range(1, 51)), list(range(51, 101)), list(range(101, 121))]
    assert "Page 3 of 3" in page
    assert _listed(browser.get(f"/make-room?page={'9' * 30}")) == seen[2]
    _use(service, ana, clock, *service.reading.unused(ana, limit=QUOTA, skip=50).versions)
    assert browser.send("GET", "/make-room?page=3").headers["location"] == "/make-room?page=1"


def test_if_all_versions_are_in_use_the_page_leads_to_what_uses_them(
    service: Service, ana: User, clock: Clock, browser: Browser
) -> None:
    assert "You have no versions." in browser.get("/make-room")
    _use(service, ana, clock, *_create(service, ana, clock, *QUOTA * [1]))
    for path in ("/upload", "/make-room"):
        page = browser.get(path)
        assert _listed(page) == []
        assert "All your versions are in use." in page
        assert '<a class="button" href="/workloads">' in page
