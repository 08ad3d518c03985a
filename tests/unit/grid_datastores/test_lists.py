"""Lists of datastores and versions: what they contain, in which order, page by page."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from in_process import Browser
from listed import listed
from manual_clock import Clock
from many_versions import MANY, filled, roomy, upload
from sqlalchemy import event, insert, select

from grid_datastores.catalog import schema
from grid_datastores.domain.errors import NotFound
from grid_datastores.domain.lists import Selection, SortColumn, SortOrder, VersionList
from grid_datastores.domain.model import Phase, User, WorkloadKind, WorkloadState
from grid_datastores.service import Service
from grid_datastores.service.listing import (
    DATASTORES_PER_PAGE,
    MAX_KEPT,
    MAX_MOUNTABLE,
    NEWEST_VERSIONS,
    VERSIONS_PER_PAGE,
)


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Iterator[Service]:
    with roomy(tmp_path, clock) as service:
        yield service


def text_of(page: str) -> str:
    """Return the text of a page's main part."""
    main = page.partition("<main")[2]
    return " ".join(re.sub(r"<[^>]*>", " ", main).split())


def headers_of(page: str) -> list[str]:
    """Return the first cell of each row of the page's tables."""
    cells = re.findall(r'<th scope="row"[^>]*>(.*?)</th>', page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", "", cell).split()) for cell in cells]


# What a page reads


def rows_read(service: Service) -> tuple[list[tuple[object, ...]], list[str]]:
    """Return two lists, which grow with every row that is read from the catalog and every query that is sent."""
    rows: list[tuple[object, ...]] = []
    queries: list[str] = []

    def keep(_cursor: sqlite3.Cursor, row: tuple[object, ...]) -> tuple[object, ...]:
        rows.append(row)
        return row

    def watch(connection: Any, cursor: sqlite3.Cursor, statement: str, given: Any, *_rest: Any) -> None:
        if not statement.startswith("SELECT"):
            return
        with sqlite3.connect(service.context.catalog._path) as other:
            queries.extend(row[3] for row in other.execute(f"EXPLAIN QUERY PLAN {statement}", given))
        cursor.row_factory = keep

    event.listen(service.context.catalog._engine, "before_cursor_execute", watch)
    return rows, queries


@pytest.mark.parametrize("many", ["versions", "datastores", "deleted", "failed"])
def test_a_page_of_a_list_reads_only_what_it_shows(service: Service, ana: User, browser: Browser, many: str) -> None:
    phase = {"deleted": Phase.DELETED, "failed": Phase.FAILED}.get(many, Phase.AVAILABLE)
    for number in range(DATASTORES_PER_PAGE + 1):
        filled(service, ana, f"data-{number:02}", VERSIONS_PER_PAGE + 2)
    pages = ["/", "/datastores/data-00", *(f"/datastores/data-00?sort={column}" for column in SortColumn)]
    pages += ["/datastores/data-00/versions/1/delete", "/datastores/data-00/versions/1"]
    pages += [f"{base}{part}" for base in ("", "/datastores/x") for part in ("/failed-uploads", "/deleted-versions")]
    filled(service, ana, "x", VERSIONS_PER_PAGE + 2, phase)
    rows, plan = rows_read(service)

    def read() -> list[int]:
        counts = []
        for path in pages:
            rows.clear()
            assert "<h1>" in browser.get(path)
            counts.append(len(rows))
        return counts

    few = read()
    assert max(few) < 2 * VERSIONS_PER_PAGE
    if many == "datastores":
        for number in range(MANY):
            filled(service, ana, f"more-{number:03}", 1)
    else:
        for name in ("data-00", "x"):
            more(service, ana, name, phase)
    assert read() == few
    assert [step for step in plan if step.startswith("SCAN")] == []


def more(service: Service, owner: User, name: str, phase: Phase) -> None:
    """Write many more versions of this name into the catalog, like the last one."""
    with service.context.catalog._engine.begin() as connection:
        last = connection.execute(select(schema.versions).where(schema.versions.c.id == f"{name}-52")).one()._mapping
        rows = [{**last, "id": f"{name}-more-{n}", "number": 52 + n, "phase": phase.value} for n in range(1, MANY)]
        connection.execute(insert(schema.versions), rows)


# The pages


@pytest.mark.proves("first-page-shows-newest-versions")
def test_the_first_page_shows_the_newest_versions_of_each_datastore(
    service: Service, ana: User, browser: Browser
) -> None:
    filled(service, ana, "birds", 2)
    filled(service, ana, "data", 120)
    page = browser.get("/")
    shown = [f"data version {number}" for number in range(120, 120 - NEWEST_VERSIONS, -1)]
    assert headers_of(page) == ["birds version 2", "birds version 1", *shown]
    assert '<a class="button" href="/datastores/data">All 120 versions' in page
    assert "/data/data/run-120" in page
    assert page.count("All ") == 1


def test_datastores_are_paged_and_filtered_by_name(service: Service, ana: User, browser: Browser) -> None:
    names = [f"set-{number:02}" for number in range(DATASTORES_PER_PAGE + 2)]
    for name in names:
        filled(service, ana, name, 1)
    first = browser.get("/")
    [following] = re.findall(r'rel="next" href="([^"]+)"', first)
    second = browser.get(following)
    assert headers_of(first) + headers_of(second) == [f"{name} version 1" for name in names]
    assert 'rel="next"' not in second
    assert headers_of(browser.get("/?q=T-03")) == ["set-03 version 1"]
    assert "No datastore matches “100%_”." in browser.get("/?q=100%25_")
    assert "The list has no page 9." in browser.get("/?page=9")


@pytest.mark.proves("datastore-has-a-page-of-its-versions")
def test_the_page_of_a_datastore_lists_its_versions_newest_first(service: Service, ana: User, browser: Browser) -> None:
    filled(service, ana, "data", 120)
    filled(service, ana, "data-2", 1)
    assert '<h2 id="datastore-data"><a href="/datastores/data">data</a></h2>' in browser.get("/")
    path, listed = "/datastores/data", []
    while path:
        page = browser.get(path)
        assert "120 versions" in text_of(page)
        listed.append(headers_of(page))
        path = "".join(re.findall(r'rel="next" href="([^"]+)"', page)).replace("&amp;", "&")
    assert [len(part) for part in listed] == [50, 50, 20]
    assert [header for part in listed for header in part] == [f"data version {number}" for number in range(120, 0, -1)]
    assert "Page 3 of 3" in text_of(page)


@pytest.mark.proves("versions-are-sorted-and-filtered")
@pytest.mark.parametrize("column", SortColumn)
def test_versions_are_sorted_by_a_column_in_both_directions(
    service: Service, ana: User, browser: Browser, column: SortColumn
) -> None:
    filled(service, ana, "data", 60)
    versions, never = listed(service, ana), datetime.min.replace(tzinfo=UTC)
    keys: dict[SortColumn, Callable[[Any], Any]] = {
        SortColumn.NUMBER: lambda version: version.ref.number,
        SortColumn.SIZE: lambda version: (version.size_bytes, version.ref.number),
        SortColumn.FILES: lambda version: (version.file_count, version.ref.number),
        SortColumn.USED: lambda version: (version.last_used_at or never, version.ref.number),
    }
    wanted = [f"data version {version.ref.number}" for version in sorted(versions, key=keys[column])]
    page = browser.get(f"/datastores/data?sort={column}&order=asc")
    assert headers_of(page) == wanted[:VERSIONS_PER_PAGE]
    assert page.count('aria-sort="ascending"') == 1
    [link] = re.findall(rf'href="([^"]+)">{_HEADINGS[column]}</a>', page)
    page = browser.get(link.replace("&amp;", "&"))
    assert headers_of(page) == wanted[::-1][:VERSIONS_PER_PAGE]
    assert page.count('aria-sort="descending"') == 1


_HEADINGS = {
    SortColumn.NUMBER: "Version",
    SortColumn.SIZE: "Size",
    SortColumn.FILES: "Files",
    SortColumn.USED: "Last used",
}


@pytest.mark.proves("versions-are-sorted-and-filtered")
def test_versions_are_filtered_by_number_and_source(service: Service, ana: User, browser: Browser) -> None:
    filled(service, ana, "data", 120)
    assert headers_of(browser.get("/datastores/data?q=RUN-11"))[0] == "data version 119"
    assert len(headers_of(browser.get("/datastores/data?q=RUN-11"))) == 11
    named = browser.get("/datastores/data?q=%2Fdata%2Fdata%2Frun-7&sort=size")
    assert '<input name="sort" type="hidden" value="size">' in named
    assert 'href="/datastores/data?sort=size&amp;order=desc">Show all</a>' in named
    upload(service, ana)
    assert headers_of(browser.get("/datastores/data?q=121")) == ["data version 121"]
    for text in ("nothing", "9" * 100, "%ff", "%ed%a0%80"):
        assert "No version matches “" in browser.get(f"/datastores/data?q={text}")


@pytest.mark.parametrize("query", ["page=0", "page=x", f"page={10**30}", "sort=owner", "order=up", f"q={'x' * 201}"])
def test_an_address_that_makes_no_sense_is_refused(service: Service, ana: User, browser: Browser, query: str) -> None:
    filled(service, ana, "data", 1)
    answer = browser.send("GET", f"/datastores/data?{query}")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


@pytest.mark.proves("failed-uploads-have-a-page")
def test_failed_uploads_have_a_page_of_their_own(service: Service, ana: User, browser: Browser) -> None:
    upload(service, ana)
    upload(service, ana, failed=True)
    upload(service, ana, "birds", failed=True)
    page = browser.get("/")
    assert headers_of(page) == ["data version 1"]
    assert "Failed uploads (2)" in text_of(page)
    assert 'href="/failed-uploads"' in page
    page = browser.get("/failed-uploads")
    assert sorted(headers_of(page)) == ["birds version 1", "data version 2"]
    assert text_of(page).count("The archive is damaged.") == 2
    for path in ("/datastores/data/versions/2/delete", "/upload?name=data"):
        assert f'href="{path}"' in page
    assert headers_of(browser.get("/failed-uploads?q=bird")) == ["birds version 1"]
    page = browser.get("/datastores/data")
    assert headers_of(page) == ["data version 1"]
    assert "Failed uploads (1)" in text_of(page)
    assert 'href="/datastores/data/failed-uploads"' in page
    assert headers_of(browser.get("/datastores/data/failed-uploads")) == ["version 2"]
    assert "birds has no versions now." in browser.get("/datastores/birds")


@pytest.mark.proves("deleted-versions-have-receipts")
def test_deleted_versions_are_listed_with_their_receipts(
    service: Service, ana: User, browser: Browser, clock: Clock
) -> None:
    first, second, third = (upload(service, ana, name) for name in ("data", "data", "birds"))
    for version_id in (second, third, first):
        clock.go(10)
        browser.press(f"{_path(service, ana, version_id)}/delete")
    page = browser.get("/deleted-versions")
    assert headers_of(page) == ["data version 1", "birds version 1", "data version 2"]
    assert headers_of(browser.get("/datastores/data/deleted-versions")) == ["version 1", "version 2"]
    assert headers_of(browser.get("/deleted-versions?q=birds")) == ["birds version 1"]
    clock.go(1_000_000)
    receipts = re.findall(r'href="([^"]+/receipt)"', page)
    assert len(receipts) == 3
    for receipt, name in zip(receipts, headers_of(page), strict=True):
        datastore, _, version = name.partition(" ")
        text = text_of(browser.get(receipt))
        assert f"Deleted {version} of {datastore}" in text
        assert re.search(r"Deleted 2026-01-01 00:00:[123]0 UTC by \w+", text), text
    assert "version 1 of data" in text_of(browser.get(receipts[2]))


def _path(service: Service, owner: User, version_id: str) -> str:
    ref = service.reading.details(owner, version_id).version.ref
    return f"/datastores/{ref.name}/versions/{ref.number}"


def test_a_receipt_lists_what_stayed_at_that_time(service: Service, ana: User, browser: Browser, clock: Clock) -> None:
    first, _second, third = (upload(service, ana) for _ in range(3))
    upload(service, ana, failed=True)
    upload(service, ana, "birds")
    clock.go(10)
    service.deletion.delete(ana, first)
    clock.go(10)
    service.deletion.delete(ana, third)
    clock.go(10)
    upload(service, ana)
    text = text_of(browser.get("/datastores/data/versions/1/receipt"))
    kept = text.partition("Kept")[2]
    assert re.findall(r"version (\d) of data", kept) == ["2", "3"]
    assert "deleted later, on 2026-01-01 00:00:20 UTC" in kept
    kept = text_of(browser.get("/datastores/data/versions/3/receipt")).partition("Kept")[2]
    assert re.findall(r"version (\d) of data", kept) == ["2"]


def test_the_pages_of_a_deletion_list_only_the_newest_of_many(service: Service, ana: User, browser: Browser) -> None:
    filled(service, ana, "data", MANY)
    page = browser.get("/datastores/data/versions/7/delete")
    assert f"The other {MANY - 1} versions of data, byte for byte." in page
    assert page.count('<span class="code quiet">') == MAX_KEPT
    answer = browser.press("/datastores/data/versions/7/delete")
    page = browser.get(answer.headers["location"])
    assert f"The {MANY - 1} versions and their fingerprints" in page
    assert page.count('<span class="code quiet">') == MAX_KEPT
    assert '<a href="/datastores/data">All versions of data</a>' in page


def test_only_the_shown_versions_have_their_users(service: Service, ana: User, browser: Browser, clock: Clock) -> None:
    filled(service, ana, "data", 3)
    for name in ("a", "b", "c", "d"):
        clock.go(1)
        service.workloads.start(ana, WorkloadKind.SESSION, name, {"data-3": ""})
    ended = service.workloads.start(ana, WorkloadKind.RUN, "ended", {"data-2": ""})
    service.workloads.set_state(ana, WorkloadKind.RUN, ended.id, WorkloadState.CANCELED)
    run = service.workloads.start(ana, WorkloadKind.RUN, "nightly", {"data-2": ""})
    for path in ("/", "/datastores/data"):
        page = browser.get(path)
        assert re.findall(r">(Session \w|Run \w+|\d more)<", page) == [
            "Session a",
            "Session b",
            "2 more",
            "Run nightly",
        ]
        assert page.count('<a class="button danger"') == 1
        assert f'<a href="/workloads?of={run.id}#{run.id}">' in page


def test_nobody_sees_the_lists_of_another_user(service: Service, ana: User) -> None:
    filled(service, ana, "data", 2)
    filled(service, ana, "gone", 2, Phase.DELETED)
    filled(service, ana, "bad", 2, Phase.FAILED)
    ben, _key = service.accounts.add("ben")
    for path in ("/", "/failed-uploads", "/deleted-versions"):
        assert headers_of(Browser(service, ben).get(path)) == []
    answer = Browser(service, ben).send("GET", "/datastores/data")
    assert answer.status_code == 404
    assert "<h1>Datastore not found</h1>" in answer.text
    assert "There is no datastore data." in answer.text
    with pytest.raises(NotFound):
        service.listing.versions(ben, Selection(VersionList.DELETED, "gone"), 1)
    assert service.listing.versions(ana, Selection(order=SortOrder.ASCENDING), 1).versions[0].version.id == "data-1"


@pytest.mark.parametrize(
    ("count", "known"), [(20, f"versions {', '.join(map(str, range(1, 21)))}."), (21, "21 versions, the newest is 21.")]
)
def test_a_wrong_number_is_answered_with_few_numbers(
    service: Service, ana: User, browser: Browser, count: int, known: str
) -> None:
    filled(service, ana, "data", count)
    answer = browser.send("GET", "/datastores/data/versions/99")
    assert answer.status_code == 404
    assert f"There is no version 99 of data. It has {known}" in text_of(answer.text)


def test_the_form_that_starts_a_workload_offers_the_newest_versions_and_the_chosen_one(
    service: Service, ana: User, browser: Browser
) -> None:
    filled(service, ana, "data", MAX_MOUNTABLE)
    filled(service, ana, "bad", 1, Phase.FAILED)
    page = browser.get("/workloads/start")
    assert page.count('<option value="data-') == MAX_MOUNTABLE
    assert "bad version" not in page
    assert "These are your newest versions." not in page
    filled(service, ana, "many", MANY)
    page = browser.get("/workloads/start?name=many&version=1")
    assert page.count('<option value="') == MAX_MOUNTABLE + 2
    assert '<option value="many-1" selected>' in page
    assert "These are your newest versions." in page
    ben, _key = service.accounts.add("ben")
    mine = upload(service, ben)
    refused = Browser(service, ben).press("/workloads/start", kind="session", name="mine", version="many-1")
    assert re.findall(r'<option value="([^"]+)"', refused.text) == [mine]
